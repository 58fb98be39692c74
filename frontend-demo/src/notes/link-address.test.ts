import { expect, it } from 'vitest';
import { linkAddress } from './link-address';

it.each([
  ['https://example.org/a?b#c', 'https://example.org/a?b#c'],
  ['example.org', 'https://example.org'],
  ['example.org:8080/x', 'https://example.org:8080/x'],
  [' mira@example.org ', 'mailto:mira@example.org'],
  ['mailto:mira@example.org', 'mailto:mira@example.org'],
  ['tel:+420123', 'tel:+420123'],
])('%j links to %s', (typed, address) => {
  expect(linkAddress(typed)).toBe(address);
});

it.each([
  '',
  'two words',
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'data:text/html,x',
  'vbscript:x',
  'file:///etc',
])('%j is no link', (typed) => {
  expect(linkAddress(typed)).toBeUndefined();
});
