// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest';
import { createRouter } from './router';

beforeEach(() => {
  document.head.innerHTML = '<base href="/collab/">';
  window.history.replaceState(null, '', '/collab/');
});

describe('createRouter', () => {
  it('begins where the page is, and goes where it is sent', () => {
    const router = createRouter(window);
    expect(router.route.value).toEqual({ page: 'start' });
    router.go(router.notePath('school/7b'));
    expect(router.route.value).toEqual({ page: 'note', room: 'school/7b' });
    expect(window.location.pathname).toBe('/collab/notes/school/7b');
  });

  it('follows the back button', () => {
    const router = createRouter(window);
    router.go(router.notePath('a'));
    window.history.replaceState(null, '', '/collab/notes/b');
    window.dispatchEvent(new PopStateEvent('popstate'));
    expect(router.route.value).toEqual({ page: 'note', room: 'b' });
  });
});
