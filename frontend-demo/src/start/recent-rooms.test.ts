import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../testing/memory-store';
import { createRecentRooms, RECENT_KEY } from './recent-rooms';

const names = (recent: ReturnType<typeof createRecentRooms>) => recent.list.value.map(({ room }) => room);

describe('createRecentRooms', () => {
  it('has the newest first, each once, and no more than twelve', () => {
    const recent = createRecentRooms(memoryStore());
    for (let index = 0; index < 15; index++) recent.remember(`room-${index}`, index);
    recent.remember('room-10', 99);
    expect(names(recent).slice(0, 2)).toEqual(['room-10', 'room-14']);
    expect(recent.list.value).toHaveLength(12);
  });

  it('forgets on demand, and lasts', () => {
    const store = memoryStore();
    const recent = createRecentRooms(store);
    recent.remember('a', 1);
    recent.remember('b', 2);
    recent.forget('a');
    expect(names(createRecentRooms(store))).toEqual(['b']);
  });

  it('keeps what another tab has written', () => {
    const store = memoryStore();
    const [here, there] = [createRecentRooms(store), createRecentRooms(store)];
    there.remember('a', 1);
    here.remember('b', 2);
    expect(names(here)).toEqual(['b', 'a']);
  });

  it('leaves out what is no room', () => {
    const kept = [{ room: 'a//b', openedAt: 1 }, { room: 'a' }, 7, null, { room: 'ok', openedAt: 2 }];
    expect(names(createRecentRooms(memoryStore({ [RECENT_KEY]: kept })))).toEqual(['ok']);
    expect(names(createRecentRooms(memoryStore({ [RECENT_KEY]: 'text' })))).toEqual([]);
  });
});
