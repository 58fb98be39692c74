import { expect, it } from 'vitest';
import { initials } from './avatar';

it.each([
  ['Mira Novák', 'MN'],
  ['mira', 'M'],
  ['Anna von der Heide', 'AH'],
  ['李 小龙', '李小'],
  ['👩‍🏫 Teacher', '👩‍🏫T'],
  ['', '?'],
])('%s → %s', (name, letters) => {
  expect(initials(name)).toBe(letters);
});
