/** Drives the saved-state machine: owns its timers and its view; the rules are in `saved-state.ts`. */

import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { ServerEnvelope } from './envelope';
import {
  INITIAL_SAVED_STATE,
  type SavedEffect,
  type SavedEvent,
  type SavedTimer,
  type SavedView,
  stepSaved,
  viewSaved,
} from './saved-state';

export class SavedTracker {
  readonly view: ReadonlySignal<SavedView>;
  readonly #state = signal(INITIAL_SAVED_STATE);
  readonly #timers = new Map<SavedTimer, ReturnType<typeof setTimeout>>();
  readonly #sendMark: (id: number) => void;

  constructor(sendMark: (id: number) => void) {
    this.#sendMark = sendMark;
    this.view = computed(() => viewSaved(this.#state.value));
  }

  dispatch(event: SavedEvent): void {
    const { state, effects } = stepSaved(this.#state.peek(), event);
    this.#state.value = state;
    for (const effect of effects) this.#perform(effect);
  }

  receive(envelope: ServerEnvelope): void {
    if (envelope.op === 'saved') {
      this.dispatch({ type: 'saved', mark: envelope.mark, level: envelope.level });
    } else if (envelope.op === 'nack') {
      const { mark, code, message, retryAfter } = envelope;
      this.dispatch({ type: 'nack', mark, refusal: { code, message }, retryAfter });
    } else if (envelope.op === 'rejected') {
      this.dispatch({ type: 'rejected', refusal: { code: envelope.reason, message: '' } });
    }
  }

  destroy(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #perform(effect: SavedEffect): void {
    switch (effect.type) {
      case 'sendMark':
        this.#sendMark(effect.id);
        break;
      case 'cancel':
        clearTimeout(this.#timers.get(effect.timer));
        break;
      case 'wait':
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.set(
          effect.timer,
          setTimeout(() => this.dispatch({ type: effect.timer }), effect.ms),
        );
        break;
    }
  }
}
