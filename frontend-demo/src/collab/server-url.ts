/** Where rooms live: the page's own origin and base path, as a WebSocket address without a slash at the end. */

export function serverUrlFor(baseUri: string): string {
  const url = new URL('.', baseUri);
  const scheme = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${url.host}${url.pathname}`.replace(/\/$/, '');
}
