import { expect, it } from 'vitest';
import { serverUrlFor } from './server-url';

it.each([
  ['http://localhost:1234/', 'ws://localhost:1234'],
  ['https://school.example/', 'wss://school.example'],
  ['https://school.example/collab/', 'wss://school.example/collab'],
])('%s → %s', (base, url) => {
  expect(serverUrlFor(base)).toBe(url);
});
