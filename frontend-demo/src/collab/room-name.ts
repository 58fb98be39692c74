/**
 * Room names: the server's rule, its mirror for what people type, and the way into an address.
 * Owns names alone; knows no page address and no connection.
 */

const MOST_BYTES = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

export type NameProblem = 'empty' | 'tooLong' | 'control' | 'segment' | 'encoding';

export type NameResult = { ok: true; room: string } | { ok: false; problem: NameProblem };

/** The canonical form of a room name, or what is wrong with it. Same rule as the server's. */
export function checkRoomName(name: string): NameResult {
  if (!isWellFormed(name)) return { ok: false, problem: 'encoding' };
  const room = name.normalize('NFC');
  if (room === '') return { ok: false, problem: 'empty' };
  if (CONTROL.test(room)) return { ok: false, problem: 'control' };
  if (room.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return { ok: false, problem: 'segment' };
  }
  if (new TextEncoder().encode(room).length > MOST_BYTES) return { ok: false, problem: 'tooLong' };
  return { ok: true, room };
}

/** What somebody typed, without what they did not mean: outer slashes, doubled blanks. */
export function tidyTypedName(typed: string): string {
  return typed
    .split('/')
    .map((segment) => segment.replace(/\s+/g, ' ').trim())
    .filter((segment) => segment !== '')
    .join('/');
}

/**
 * A room name as the path of an address. Everything that a URL could read as its own (`?`, `#`, `%`) is
 * encoded, because y-websocket puts the name into the address as it is.
 */
export function encodeRoomPath(room: string): string {
  return room.split('/').map(encodeURIComponent).join('/');
}

function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    // A lone surrogate has no UTF-8 form.
    return false;
  }
}
