/** The current route as a signal over the browser's history. Owns the history; knows no page. */

import { type ReadonlySignal, signal } from '@preact/signals-core';
import { notePath, parsePath, type Route } from './route';

export interface Router {
  readonly route: ReadonlySignal<Route>;
  readonly startPath: string;
  notePath(room: string): string;
  go(path: string): void;
}

export function createRouter(view: Window): Router {
  const base = new URL('.', view.document.baseURI).pathname;
  const read = () => parsePath(view.location.pathname, base);
  const route = signal<Route>(read());
  view.addEventListener('popstate', () => {
    route.value = read();
  });
  return {
    route,
    startPath: base,
    notePath: (room) => notePath(room, base),
    go(path) {
      view.history.pushState(null, '', path);
      route.value = read();
      view.scrollTo(0, 0);
    },
  };
}
