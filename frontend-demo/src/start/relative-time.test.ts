import { expect, it } from 'vitest';
import { relativeTime } from './relative-time';

it.each([
  [0, 'now'],
  [59_999, 'now'],
  [60_000, '1 minute ago'],
  [3 * 3_600_000, '3 hours ago'],
  [26 * 3_600_000, 'yesterday'],
  [-5_000, 'now'],
])('%i ms ago is %s', (elapsed, words) => {
  expect(relativeTime(1_000_000_000_000 - elapsed, 1_000_000_000_000, 'en')).toBe(words);
});
