/** How the page is built, served while developing, and tested. */

import type { IncomingMessage } from 'node:http';
import { defineConfig } from 'vitest/config';

const SERVER = process.env.COLLAB_SERVER ?? 'ws://127.0.0.1:1234';

/** What the server sends with the page; the preview sends it too, so that a breach shows before a release. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'";

/** Every WebSocket path is a room, save the one that Vite itself uses; every other request is the page's own. */
function isForRoom({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && !headers['sec-websocket-protocol']?.startsWith('vite-');
}

const roomProxy = {
  '^/': {
    target: SERVER,
    ws: true,
    bypass: (request: IncomingMessage) => (isForRoom(request) ? undefined : request.url),
  },
};

export default defineConfig({
  // Relative to <base href> of index.html: one build serves any base path.
  base: './',
  build: {
    outDir: '../collab_server/http/static',
    emptyOutDir: true,
    target: 'es2022',
    // The policy forbids data: URLs, so nothing may be inlined.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { host: '127.0.0.1', proxy: roomProxy },
  preview: {
    host: '127.0.0.1',
    proxy: roomProxy,
    headers: { 'Content-Security-Policy': CONTENT_SECURITY_POLICY },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
