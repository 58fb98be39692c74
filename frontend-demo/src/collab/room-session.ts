/**
 * One room as this page takes part in it: document, connection, awareness, saved mark.
 * Owns the wiring between the stock provider and the state machines; knows no editor and no component.
 */

import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals-core';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import type { Closing, ConnectionView } from './connection-state';
import { ConnectionTracker } from './connection-tracker';
import type { IdentityStore } from './identity';
import { type ProviderFactory, type RoomProvider, stockProvider } from './provider-port';
import { type ChannelState, RoomChannel } from './room-channel';
import { encodeRoomPath } from './room-name';
import { mergeRoster, type Person, sameRoster } from './roster';
import type { SavedView } from './saved-state';
import { SavedTracker } from './saved-tracker';

export interface RoomSessionOptions {
  /** Where rooms live, without a slash at the end: `wss://host/base`. */
  readonly serverUrl: string;
  readonly room: string;
  readonly identity: IdentityStore;
  readonly createProvider?: ProviderFactory;
}

export class RoomSession {
  readonly room: string;
  readonly doc = new Y.Doc();
  readonly identity: IdentityStore;
  readonly connection: ReadonlySignal<ConnectionView>;
  readonly saved: ReadonlySignal<SavedView>;
  readonly channel: ReadonlySignal<ChannelState>;
  readonly people: ReadonlySignal<readonly Person[]>;
  /** The document has arrived at least once; before that nobody knows whether it is empty. */
  readonly loaded: ReadonlySignal<boolean>;
  readonly writable: ReadonlySignal<boolean>;

  readonly #provider: RoomProvider;
  readonly #channel: RoomChannel;
  readonly #connection = new ConnectionTracker();
  readonly #saved: SavedTracker;
  readonly #people = signal<readonly Person[]>([]);
  readonly #loaded = signal(false);
  readonly #stopEffects: (() => void)[] = [];

  constructor(options: RoomSessionOptions) {
    const { serverUrl, room, identity, createProvider = stockProvider } = options;
    this.room = room;
    this.identity = identity;
    this.#provider = createProvider(serverUrl, encodeRoomPath(room), this.doc);
    this.#channel = new RoomChannel(this.#provider);
    this.#saved = new SavedTracker((id) => this.#channel.send({ op: 'mark', id }));

    this.connection = this.#connection.view;
    this.saved = this.#saved.view;
    this.channel = this.#channel.state;
    this.people = this.#people;
    this.loaded = this.#loaded;
    this.writable = computed(() => this.#channel.can.value?.includes('write') ?? true);

    this.#followChannel();
    this.#followProvider();
    this.#followDocument();
    this.#followPeople();
    this.#followNetwork();
    this.#provider.connect();
  }

  get awareness(): Awareness {
    return this.#provider.awareness;
  }

  /** Tries now, also after the server has closed for good. */
  retry(): void {
    this.#connection.dispatch({ type: 'retried' });
    this.#reconnect();
  }

  /** Others no longer see this person here; the connection goes on. */
  hide(): void {
    this.awareness.setLocalState(null);
  }

  show(): void {
    this.awareness.setLocalState({ ...this.awareness.getLocalState(), user: this.identity.current.value });
  }

  destroy(): void {
    for (const stop of this.#stopEffects) stop();
    this.#channel.close();
    this.#saved.destroy();
    this.#connection.destroy();
    this.#provider.destroy();
    this.doc.destroy();
  }

  #reconnect(): void {
    this.#provider.disconnect();
    // Leaving told the others that we are gone, under the clock of our last state. Without a newer one they
    // would take our return for an old message and not show us until the next renewal.
    const state = this.awareness.getLocalState();
    if (state !== null) this.awareness.setLocalState(state);
    this.#provider.connect();
  }

  #followProvider(): void {
    this.#provider.on('status', ({ status }) => {
      // The provider says so before it sends its own first messages, which the protocol wants first.
      if (status === 'connected') queueMicrotask(() => this.#onOpened());
    });
    this.#provider.on('sync', (synced) => {
      if (synced) this.#onSynced();
    });
    this.#provider.on('connection-close', (event) => this.#onClosed(event));
    this.#provider.on('closed', (closing) => this.#onEnded(closing));
  }

  #onOpened(): void {
    if (!this.#provider.wsconnected) return;
    this.#connection.dispatch({ type: 'opened' });
    this.#saved.dispatch({ type: 'opened' });
    this.#channel.greet();
  }

  #onSynced(): void {
    this.#connection.dispatch({ type: 'synced' });
    this.#loaded.value = true;
    this.#joinWhenReady();
  }

  #onClosed(event: Closing | null): void {
    const closing = event === null ? undefined : { code: event.code, reason: event.reason };
    this.#channel.close();
    this.#saved.dispatch({ type: 'closed' });
    this.#connection.dispatch({ type: 'closed', closing });
  }

  #onEnded(closing: Closing): void {
    this.#saved.dispatch({ type: 'ended' });
    this.#connection.dispatch({ type: 'ended', closing });
  }

  /** Marks make sense once the server has greeted back and our answer to its step 1 is on its way. */
  #joinWhenReady(): void {
    if (this.#channel.state.value === 'open' && this.connection.value.phase === 'online') {
      this.#saved.dispatch({ type: 'joined' });
    }
  }

  #followChannel(): void {
    this.#channel.listen((envelope) => {
      if (envelope.op === 'welcome') this.#joinWhenReady();
      this.#saved.receive(envelope);
    });
    this.#stopEffects.push(
      effect(() => {
        const state = this.#channel.state.value;
        if (state === 'silent' || state === 'mismatch') {
          untracked(() => this.#saved.dispatch({ type: 'silent' }));
        }
      }),
    );
  }

  #followDocument(): void {
    this.doc.on('update', (_update: Uint8Array, origin: unknown) => {
      if (origin !== this.#provider) this.#saved.dispatch({ type: 'changed' });
    });
  }

  #followPeople(): void {
    const refresh = () => {
      const self = this.identity.current.peek();
      const people = mergeRoster(this.awareness.getStates(), this.doc.clientID, self);
      if (!sameRoster(people, this.#people.peek())) this.#people.value = people;
    };
    this.awareness.on('change', refresh);
    this.#stopEffects.push(
      effect(() => {
        const user = this.identity.current.value;
        // Listeners of the awareness may read signals of their own; those are not ours to follow.
        untracked(() => {
          this.awareness.setLocalStateField('user', user);
          refresh();
        });
      }),
    );
  }

  #followNetwork(): void {
    if (typeof window === 'undefined') return;
    const onChange = () => {
      const { phase } = this.connection.peek();
      this.#connection.dispatch({ type: 'network', up: navigator.onLine });
      // A socket on a lost network looks open for half a minute. A new one tells at once, and is no loss where
      // the network does not matter, as on the server's own machine.
      if (!navigator.onLine && phase === 'online') this.#reconnect();
      else if (phase !== 'refused') this.#provider.connect();
    };
    if (!navigator.onLine) this.#connection.dispatch({ type: 'network', up: false });
    window.addEventListener('online', onChange);
    window.addEventListener('offline', onChange);
    this.#stopEffects.push(() => {
      window.removeEventListener('online', onChange);
      window.removeEventListener('offline', onChange);
    });
  }
}
