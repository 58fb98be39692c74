/** Drives the connection-state machine: owns the patience timer and the view; the rules are in `connection-state.ts`. */

import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import {
  type ConnectionEvent,
  type ConnectionView,
  INITIAL_CONNECTION_STATE,
  stepConnection,
  viewConnection,
} from './connection-state';

const PATIENCE_MS = 4_000;

export class ConnectionTracker {
  readonly view: ReadonlySignal<ConnectionView>;
  readonly #state = signal(INITIAL_CONNECTION_STATE);
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.view = computed(() => viewConnection(this.#state.value));
    this.#startPatience();
  }

  dispatch(event: ConnectionEvent): void {
    this.#state.value = stepConnection(this.#state.peek(), event);
    if (event.type === 'synced' || event.type === 'ended') this.#stopPatience();
    if (event.type === 'retried') this.#stopPatience();
    if (event.type === 'closed' || event.type === 'retried') this.#startPatience();
  }

  destroy(): void {
    this.#stopPatience();
  }

  #startPatience(): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.dispatch({ type: 'patienceOver' });
    }, PATIENCE_MS);
  }

  #stopPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }
}
