/**
 * The rooms that this page has open. Leaving a page of the app must not lose what is not saved yet, so a room
 * that is left lives on, unseen, until its changes are durable.
 */

import { effect } from '@preact/signals-core';
import type { RoomSession } from './room-session';

export type SessionFactory = (room: string) => RoomSession;

interface Entry {
  readonly session: RoomSession;
  /** Set while the room is only kept until it is saved. */
  stopWaiting: (() => void) | undefined;
}

export class SessionPool {
  readonly #entries = new Map<string, Entry>();
  readonly #create: SessionFactory;

  constructor(create: SessionFactory) {
    this.#create = create;
  }

  /** The session of a room, possibly one that was left before. Each `open` wants one `release`. */
  open(room: string): RoomSession {
    const known = this.#entries.get(room);
    if (known === undefined) {
      const session = this.#create(room);
      this.#entries.set(room, { session, stopWaiting: undefined });
      return session;
    }
    known.stopWaiting?.();
    known.stopWaiting = undefined;
    known.session.show();
    return known.session;
  }

  release(room: string): void {
    const entry = this.#entries.get(room);
    if (entry === undefined || entry.stopWaiting !== undefined) return;
    entry.session.hide();
    const stop = effect(() => {
      if (!atStake(entry.session)) queueMicrotask(() => this.#discard(room, entry));
    });
    entry.stopWaiting = stop;
  }

  /** Whether closing the browser tab now could lose something. */
  hasUnsaved(): boolean {
    return [...this.#entries.values()].some(({ session }) => atStake(session));
  }

  #discard(room: string, entry: Entry): void {
    // Opened again, or changed again, since it was found saved.
    if (entry.stopWaiting === undefined || atStake(entry.session)) return;
    entry.stopWaiting();
    this.#entries.delete(room);
    entry.session.destroy();
  }
}

/** A server that never says "saved" leaves everything unsaved by name; while it is connected, it has the edits. */
function atStake(session: RoomSession): boolean {
  const { unsaved, status } = session.saved.value;
  return unsaved && status !== 'unknown';
}
