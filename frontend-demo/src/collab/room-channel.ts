/**
 * The room channel of one connection: says hello, tells whether the server speaks it, passes envelopes on.
 * Owns message type 100 of a provider; knows nothing of what the envelopes are for.
 */

import { type ReadonlySignal, signal } from '@preact/signals-core';
import {
  type ClientEnvelope,
  decodePayload,
  encodeFrame,
  PROTOCOL_VERSION,
  ROOM_CHANNEL_MESSAGE,
  type ServerEnvelope,
} from './envelope';
import type { RoomProvider } from './provider-port';

const WELCOME_PATIENCE_MS = 4_000;

/**
 * closed · greeting: hello sent · open: welcomed · silent: no welcome came (a server that does not speak it) ·
 * mismatch: the server speaks another version.
 */
export type ChannelState = 'closed' | 'greeting' | 'open' | 'silent' | 'mismatch';

export class RoomChannel {
  readonly #state = signal<ChannelState>('closed');
  readonly #can = signal<readonly string[] | undefined>(undefined);
  readonly #listeners = new Set<(envelope: ServerEnvelope) => void>();
  readonly #provider: RoomProvider;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(provider: RoomProvider) {
    this.#provider = provider;
    provider.messageHandlers[ROOM_CHANNEL_MESSAGE] = (_encoder, decoder) => {
      const envelope = decodePayload(decoder);
      if (envelope !== undefined) this.#receive(envelope);
    };
  }

  get state(): ReadonlySignal<ChannelState> {
    return this.#state;
  }

  /** What this session may do in the room; undefined while the server has not said. */
  get can(): ReadonlySignal<readonly string[] | undefined> {
    return this.#can;
  }

  /** To be called when the connection has opened and the provider has sent its own first messages. */
  greet(): void {
    this.#state.value = 'greeting';
    this.send({ op: 'hello', v: PROTOCOL_VERSION, channels: {} });
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      if (this.#state.value === 'greeting') this.#state.value = 'silent';
    }, WELCOME_PATIENCE_MS);
  }

  /** To be called when the connection is gone. */
  close(): void {
    clearTimeout(this.#patience);
    this.#state.value = 'closed';
  }

  send(envelope: ClientEnvelope): void {
    if (this.#provider.wsconnected) this.#provider.ws?.send(encodeFrame(envelope));
  }

  listen(listener: (envelope: ServerEnvelope) => void): void {
    this.#listeners.add(listener);
  }

  #receive(envelope: ServerEnvelope): void {
    if (envelope.op === 'welcome') {
      clearTimeout(this.#patience);
      this.#can.value = envelope.can;
      this.#state.value = envelope.v === PROTOCOL_VERSION ? 'open' : 'mismatch';
    } else if (envelope.op === 'nack' && envelope.code === 'unsupported_version') {
      clearTimeout(this.#patience);
      this.#state.value = 'mismatch';
    } else if (envelope.op === 'role') {
      this.#can.value = envelope.can;
    }
    for (const listener of this.#listeners) listener(envelope);
  }
}
