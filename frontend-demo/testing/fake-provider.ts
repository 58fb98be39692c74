/** A y-websocket provider without a socket: the test says what happens to the connection. For tests only. */

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { Awareness } from 'y-protocols/awareness';
import type * as Y from 'yjs';
import type { Closing } from '../src/collab/connection-state';
import type { MessageHandler, ProviderEvents, RoomProvider } from '../src/collab/provider-port';

export class FakeProvider implements RoomProvider {
  readonly awareness: Awareness;
  readonly messageHandlers: MessageHandler[] = [];
  readonly calls: string[] = [];
  /** What was sent over the room channel, decoded. */
  readonly sent: Record<string, unknown>[] = [];
  wsconnected = false;
  readonly #listeners: { [Name in keyof ProviderEvents]?: ProviderEvents[Name][] } = {};

  constructor(
    readonly serverUrl: string,
    readonly roomPath: string,
    doc: Y.Doc,
  ) {
    this.awareness = new Awareness(doc);
  }

  readonly ws = {
    send: (data: Uint8Array) => {
      const decoder = decoding.createDecoder(data);
      decoding.readVarUint(decoder);
      this.sent.push(JSON.parse(new TextDecoder().decode(decoding.readVarUint8Array(decoder))));
    },
  };

  on<Name extends keyof ProviderEvents>(name: Name, listener: ProviderEvents[Name]): void {
    const list: ProviderEvents[Name][] = this.#listeners[name] ?? [];
    list.push(listener);
    Object.assign(this.#listeners, { [name]: list });
  }

  connect(): void {
    this.calls.push('connect');
  }

  disconnect(): void {
    this.calls.push('disconnect');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.awareness.destroy();
  }

  /** The socket opens; resolves when the session has said hello. */
  async open(): Promise<void> {
    this.wsconnected = true;
    this.#emit('status', { status: 'connected' });
    await Promise.resolve();
  }

  sync(): void {
    this.#emit('sync', true);
  }

  lose(closing: Closing | null = { code: 1006, reason: '' }): void {
    this.wsconnected = false;
    this.#emit('connection-close', closing);
  }

  end(closing: Closing): void {
    this.lose(closing);
    this.#emit('closed', closing);
  }

  receive(envelope: unknown): void {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint8Array(encoder, new TextEncoder().encode(JSON.stringify(envelope)));
    this.messageHandlers[100]?.(undefined, decoding.createDecoder(encoding.toUint8Array(encoder)));
  }

  #emit<Name extends keyof ProviderEvents>(name: Name, argument: Parameters<ProviderEvents[Name]>[0]): void {
    for (const listener of this.#listeners[name] ?? [])
      (listener as (value: typeof argument) => void)(argument);
  }
}
