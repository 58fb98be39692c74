import { signal } from '@preact/signals-core';
import { describe, expect, it } from 'vitest';
import type { RoomSession } from './room-session';
import { SessionPool } from './session-pool';

function fakeSession() {
  const saved = signal({ status: 'saved', unsaved: false });
  const calls: string[] = [];
  const session = {
    saved,
    hide: () => calls.push('hide'),
    show: () => calls.push('show'),
    destroy: () => calls.push('destroy'),
  };
  return { session: session as unknown as RoomSession, saved, calls };
}

function poolOf(...sessions: ReturnType<typeof fakeSession>[]) {
  const rest = [...sessions];
  return new SessionPool(() => {
    const next = rest.shift();
    if (next === undefined) throw new Error('more sessions than expected');
    return next.session;
  });
}

const SAVING = { status: 'saving', unsaved: true };
const SAVED = { status: 'saved', unsaved: false };

describe('SessionPool', () => {
  it('ends a saved room when it is left', async () => {
    const room = fakeSession();
    const pool = poolOf(room);
    pool.open('a');
    pool.release('a');
    await Promise.resolve();
    expect(room.calls).toEqual(['hide', 'destroy']);
  });

  it('keeps a room that is not saved, out of sight, until it is', async () => {
    const room = fakeSession();
    const pool = poolOf(room);
    pool.open('a');
    room.saved.value = SAVING;
    pool.release('a');
    await Promise.resolve();
    expect(room.calls).toEqual(['hide']);
    expect(pool.hasUnsaved()).toBe(true);
    room.saved.value = SAVED;
    await Promise.resolve();
    expect(room.calls).toEqual(['hide', 'destroy']);
    expect(pool.hasUnsaved()).toBe(false);
  });

  it('gives the same room back when it is opened again meanwhile', async () => {
    const room = fakeSession();
    const pool = poolOf(room);
    const first = pool.open('a');
    room.saved.value = SAVING;
    pool.release('a');
    expect(pool.open('a')).toBe(first);
    room.saved.value = SAVED;
    await Promise.resolve();
    expect(room.calls).toEqual(['hide', 'show']);
  });

  it('does not end a room that was opened again just before', async () => {
    const room = fakeSession();
    const pool = poolOf(room);
    pool.open('a');
    pool.release('a');
    pool.open('a');
    await Promise.resolve();
    expect(room.calls).toEqual(['hide', 'show']);
  });

  it('does not keep people from leaving a server that never says saved', () => {
    const room = fakeSession();
    const pool = poolOf(room);
    pool.open('a');
    room.saved.value = { status: 'unknown', unsaved: true };
    expect(pool.hasUnsaved()).toBe(false);
  });
});
