// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

class NoSocket {
  static readonly OPEN = 1;
  readonly OPEN = 1;
  readonly readyState = 0;
  send(): void {}
  close(): void {}
}

beforeEach(() => {
  vi.stubGlobal('WebSocket', NoSocket);
  document.head.innerHTML = '<base href="/">';
  document.body.innerHTML = '<div id="app"></div>';
  window.history.replaceState(null, '', '/');
});

afterEach(() => vi.unstubAllGlobals());

it('goes from the start page to a new note and back', async () => {
  await import('./main');
  const find = (selector: string) => vi.waitUntil(() => document.querySelector<HTMLElement>(selector));
  (await find('[data-testid=new-note]')).click();
  await find('[data-testid=loading]');
  expect(window.location.pathname).toMatch(/^\/notes\/[a-z]+-[a-z]+-\d{4}$/);
  (await find('[data-testid=room-title]')).closest('header')?.querySelector('a')?.click();
  await find('[data-testid=recent] a');
  expect(window.location.pathname).toBe('/');
});
