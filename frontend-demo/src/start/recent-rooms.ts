/** The rooms last opened in this browser, newest first. Owns the list and its place; knows no page. */

import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { LocalStore } from '../collab/local-store';
import { checkRoomName } from '../collab/room-name';

export interface RecentRoom {
  readonly room: string;
  /** Milliseconds since 1970. */
  readonly openedAt: number;
}

export interface RecentRooms {
  readonly list: ReadonlySignal<readonly RecentRoom[]>;
  remember(room: string, now: number): void;
  forget(room: string): void;
}

export const RECENT_KEY = 'collab.recent';
const MOST = 12;

export function createRecentRooms(store: LocalStore): RecentRooms {
  const list = signal<readonly RecentRoom[]>(readList(store.read(RECENT_KEY)));
  const keep = (rooms: readonly RecentRoom[]) => {
    list.value = rooms;
    store.write(RECENT_KEY, rooms);
  };
  // Read afresh before each change: another tab may have written meanwhile.
  const others = (room: string) => readList(store.read(RECENT_KEY)).filter((entry) => entry.room !== room);
  return {
    list,
    remember: (room, now) => keep([{ room, openedAt: now }, ...others(room)].slice(0, MOST)),
    forget: (room) => keep(others(room)),
  };
}

function readList(value: unknown): readonly RecentRoom[] {
  return Array.isArray(value) ? value.filter(isRecentRoom).slice(0, MOST) : [];
}

function isRecentRoom(value: unknown): value is RecentRoom {
  if (typeof value !== 'object' || value === null) return false;
  const { room, openedAt } = value as Record<string, unknown>;
  return typeof room === 'string' && checkRoomName(room).ok && typeof openedAt === 'number';
}
