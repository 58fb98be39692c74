import { describe, expect, it } from 'vitest';
import { checkRoomName, encodeRoomPath, tidyTypedName } from './room-name';

describe('checkRoomName', () => {
  it.each(['a', 'school/7b/biology', 'Überraschung 1', '生物', 'a b', '100%', '...', 'a?b#c'])(
    'takes %j',
    (name) => {
      expect(checkRoomName(name)).toEqual({ ok: true, room: name });
    },
  );

  it('makes NFD the same room as NFC', () => {
    expect(checkRoomName('U\u0308ber')).toEqual({ ok: true, room: '\u00dcber' });
  });

  it.each([
    ['', 'empty'],
    ['a//b', 'segment'],
    ['/a', 'segment'],
    ['a/', 'segment'],
    ['a/../b', 'segment'],
    ['.', 'segment'],
    ['a\u0000b', 'control'],
    ['a\u0085b', 'control'],
    ['a\ud800', 'encoding'],
    ['ü'.repeat(128), 'tooLong'],
  ])('refuses %j as %s', (name, problem) => {
    expect(checkRoomName(name)).toEqual({ ok: false, problem });
  });

  it('counts bytes, not characters', () => {
    expect(checkRoomName('a'.repeat(255)).ok).toBe(true);
    expect(checkRoomName(`${'ü'.repeat(127)}a`).ok).toBe(true);
  });
});

describe('tidyTypedName', () => {
  it('takes away what nobody means', () => {
    expect(tidyTypedName('  /school//7b/ my   notes / ')).toBe('school/7b/my notes');
  });
});

describe('encodeRoomPath', () => {
  it('leaves slashes and encodes what an address would read as its own', () => {
    expect(encodeRoomPath('a/100% ü?#')).toBe('a/100%25%20%C3%BC%3F%23');
  });
});
