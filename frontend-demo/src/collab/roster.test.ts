import { describe, expect, it } from 'vitest';
import { mergeRoster, sameRoster } from './roster';

const ME = { id: 'me', name: 'Mira', color: '#3a68d8' };
const user = (id: string, name: string, color = '#1e8046') => ({ user: { id, name, color } });

describe('mergeRoster', () => {
  it('puts oneself first and the others by name', () => {
    const states = new Map<number, unknown>([
      [3, user('z', 'Zoe')],
      [4, user('b', 'Pupil 10')],
      [5, user('c', 'Pupil 9')],
      [1, user('me', 'Mira')],
      [2, user('a', 'Ada')],
    ]);
    expect(mergeRoster(states, 1, ME).map(({ name, isSelf }) => [name, isSelf])).toEqual([
      ['Mira', true],
      ['Ada', false],
      ['Pupil 9', false],
      ['Pupil 10', false],
      ['Zoe', false],
    ]);
  });

  it('shows a person with several tabs once', () => {
    const states = new Map<number, unknown>([
      [1, user('me', 'Mira')],
      [2, user('a', 'Ada')],
      [3, user('a', 'Ada')],
      [4, user('me', 'Mira')],
    ]);
    const people = mergeRoster(states, 1, ME);
    expect(people.map(({ name, connections }) => [name, connections])).toEqual([
      ['Mira', 2],
      ['Ada', 2],
    ]);
    expect(people[0]?.isSelf).toBe(true);
  });

  it('keeps apart people of one name', () => {
    const states = new Map<number, unknown>([
      [2, user('a', 'Ada')],
      [3, user('b', 'Ada')],
    ]);
    expect(mergeRoster(states, 1, ME)).toHaveLength(2);
  });

  it('takes any state of other pages without harm', () => {
    const states = new Map<number, unknown>([
      [2, {}],
      [3, { user: { name: 7, color: 'javascript:x' } }],
      [4, { user: 'Ada' }],
      [5, null],
      [6, { user: { name: 'Bo\u202eb\n' } }],
    ]);
    const people = mergeRoster(states, 1, ME);
    expect(people).toHaveLength(5);
    expect(people.every(({ color }) => /^#[0-9a-f]{6}$/.test(color))).toBe(true);
    expect(people.at(-1)?.name).toBe('Bo b');
  });

  it('knows oneself also before one has said who one is', () => {
    expect(mergeRoster(new Map([[1, {}]]), 1, ME)).toMatchObject([{ name: 'Mira', isSelf: true }]);
  });
});

describe('sameRoster', () => {
  it('sees each difference that is shown', () => {
    const one = mergeRoster(new Map([[2, user('a', 'Ada')]]), 1, ME);
    expect(sameRoster(one, mergeRoster(new Map([[9, user('a', 'Ada')]]), 1, ME))).toBe(true);
    expect(sameRoster(one, [])).toBe(false);
    for (const other of [user('a', 'Adam'), user('b', 'Ada'), user('a', 'Ada', '#c0392b')]) {
      expect(sameRoster(one, mergeRoster(new Map([[2, other]]), 1, ME))).toBe(false);
    }
  });
});
