/** Which page an address means, and back. Pure; the base path is an argument. */

import { checkRoomName, encodeRoomPath, type NameProblem } from '../collab/room-name';

export type Route =
  | { page: 'start' }
  | { page: 'note'; room: string }
  | { page: 'badRoom'; problem: NameProblem }
  | { page: 'notFound' };

const NOTES = 'notes/';

/** `base` begins and ends with a slash, as does the path of `document.baseURI`. */
export function parsePath(pathname: string, base: string): Route {
  if (pathname === base || `${pathname}/` === base) return { page: 'start' };
  if (!pathname.startsWith(base)) return { page: 'notFound' };
  const rest = pathname.slice(base.length);
  if (!rest.startsWith(NOTES)) return { page: rest === 'notes' ? 'start' : 'notFound' };
  const name = decodeOnce(rest.slice(NOTES.length));
  if (name === '') return { page: 'start' };
  const result = name === undefined ? ({ ok: false, problem: 'encoding' } as const) : checkRoomName(name);
  return result.ok ? { page: 'note', room: result.room } : { page: 'badRoom', problem: result.problem };
}

export function notePath(room: string, base: string): string {
  return `${base}${NOTES}${encodeRoomPath(room)}`;
}

/** The room meant by what somebody typed or pasted: a name, or the address of a note of this site. */
export function roomFromInput(typed: string, baseUri: string): string {
  const { origin, pathname: base } = new URL('.', baseUri);
  const text = typed.trim();
  if (!text.startsWith(`${origin}/`)) return text;
  const route = URL.canParse(text) ? parsePath(new URL(text).pathname, base) : undefined;
  return route?.page === 'note' ? route.room : text;
}

function decodeOnce(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
