/**
 * Whether the local changes are safe: a pure state machine over marks of the room channel.
 * Owns the truth behind the "Saved" mark; knows no socket, no clock and no words.
 *
 * Theory: local changes are counted. A mark says "answer when all that I sent so far is durable". At most one
 * mark is on its way; it covers the changes made before it was sent. Only its answer at a durable level moves
 * `durable` up. "Saved" is shown when nothing is left over and this very connection has answered once.
 */

/** Levels that survive the death of the server; `received` does not. */
const DURABLE_LEVELS: ReadonlySet<string> = new Set(['journaled', 'replicated', 'snapshotted']);

const MARK_DELAY_MS = 250;
const SLOW_ANSWER_MS = 10_000;
const RETRY_AFTER_NACK_SECONDS = { usual: 10, least: 0.25, most: 60 };

/**
 * down: no connection · joining: connected, not yet both greeted and in sync · silent: connected to a server
 * that does not speak the room channel · ready: marks are answered · ended: closed for good.
 */
type Link = 'down' | 'joining' | 'silent' | 'ready' | 'ended';

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export interface SavedState {
  readonly link: Link;
  /** Local changes made since the page opened. */
  readonly changes: number;
  /** How many of them a durable mark has covered. */
  readonly durable: number;
  /** Whether this connection has answered a mark at a durable level. */
  readonly confirmed: boolean;
  readonly inFlight: { readonly id: number; readonly covers: number } | undefined;
  /** Marks are numbered through the life of the page, so an old answer can never fit a new mark. */
  readonly lastMark: number;
  /** A mark is due when the running timer ends. */
  readonly waiting: boolean;
  readonly slow: boolean;
  /** The server could not save; a later durable mark lifts it. */
  readonly refusal: Refusal | undefined;
  /** Edits the server did not take. They stay missing there until a new connection offers them again. */
  readonly rejection: Refusal | undefined;
  /** The server answers, but only below a durable level. */
  readonly weak: boolean;
}

export type SavedEvent =
  | { type: 'opened' }
  | { type: 'joined' }
  | { type: 'silent' }
  | { type: 'closed' }
  | { type: 'ended' }
  | { type: 'changed' }
  | { type: 'markDue' }
  | { type: 'answerLate' }
  | { type: 'saved'; mark: number; level: string }
  | { type: 'nack'; mark: number | undefined; refusal: Refusal; retryAfter: number | undefined }
  | { type: 'rejected'; refusal: Refusal };

export type SavedTimer = 'markDue' | 'answerLate';

export type SavedEffect =
  | { type: 'sendMark'; id: number }
  | { type: 'wait'; timer: SavedTimer; ms: number }
  | { type: 'cancel'; timer: SavedTimer };

export interface SavedStep {
  readonly state: SavedState;
  readonly effects: readonly SavedEffect[];
}

/** What the page shows. */
export interface SavedView {
  readonly status: 'saving' | 'saved' | 'unknown' | 'offline' | 'refused';
  /** Local changes exist that nobody has called durable. */
  readonly unsaved: boolean;
  /** Nothing is wrong, the first answer of this connection is on its way. */
  readonly checking: boolean;
  readonly slow: boolean;
  readonly refusal: Refusal | undefined;
  /** The refusal is for edits that the server did not take, not for a failed saving. */
  readonly rejected: boolean;
}

export const INITIAL_SAVED_STATE: SavedState = {
  link: 'down',
  changes: 0,
  durable: 0,
  confirmed: false,
  inFlight: undefined,
  lastMark: 0,
  waiting: false,
  slow: false,
  refusal: undefined,
  rejection: undefined,
  weak: false,
};

const CANCEL_ALL: readonly SavedEffect[] = [
  { type: 'cancel', timer: 'markDue' },
  { type: 'cancel', timer: 'answerLate' },
];

export function stepSaved(state: SavedState, event: SavedEvent): SavedStep {
  switch (event.type) {
    case 'opened':
      return { state: { ...disconnected(state, 'joining'), rejection: undefined }, effects: CANCEL_ALL };
    case 'joined':
      return sendMark({ ...state, link: 'ready' });
    case 'silent':
      return unchanged(state.link === 'joining' ? { ...state, link: 'silent' } : state);
    case 'closed':
      return state.link === 'ended'
        ? unchanged(state)
        : { state: disconnected(state, 'down'), effects: CANCEL_ALL };
    case 'ended':
      return { state: disconnected(state, 'ended'), effects: CANCEL_ALL };
    case 'changed':
      return scheduleMark({ ...state, changes: state.changes + 1 }, MARK_DELAY_MS);
    case 'markDue':
      return sendMark({ ...state, waiting: false });
    case 'answerLate':
      return unchanged({ ...state, slow: state.inFlight !== undefined });
    case 'saved':
      return onSaved(state, event);
    case 'nack':
      return onNack(state, event);
    case 'rejected':
      return unchanged({ ...state, rejection: event.refusal });
  }
}

export function viewSaved(state: SavedState): SavedView {
  const unsaved = state.changes > state.durable;
  const refusal = state.rejection ?? state.refusal;
  const view = {
    unsaved: unsaved || state.rejection !== undefined,
    refusal,
    rejected: state.rejection !== undefined,
    checking: false,
    slow: state.slow,
  };
  if (refusal !== undefined) return { ...view, status: 'refused' };
  switch (state.link) {
    case 'ended':
      return { ...view, status: unsaved ? 'refused' : 'offline' };
    case 'down':
      return { ...view, status: 'offline' };
    case 'silent':
      return { ...view, status: 'unknown' };
    case 'joining':
    case 'ready':
      if (state.weak) return { ...view, status: 'unknown' };
      if (unsaved) return { ...view, status: 'saving' };
      return state.confirmed ? { ...view, status: 'saved' } : { ...view, status: 'unknown', checking: true };
  }
}

function unchanged(state: SavedState): SavedStep {
  return { state, effects: [] };
}

function disconnected(state: SavedState, link: Link): SavedState {
  const { changes, durable, lastMark, rejection } = state;
  return { ...INITIAL_SAVED_STATE, changes, durable, lastMark, rejection, link };
}

function scheduleMark(state: SavedState, ms: number): SavedStep {
  if (state.link !== 'ready' || state.inFlight !== undefined || state.waiting) return unchanged(state);
  return { state: { ...state, waiting: true }, effects: [{ type: 'wait', timer: 'markDue', ms }] };
}

function sendMark(state: SavedState): SavedStep {
  if (state.link !== 'ready' || state.inFlight !== undefined) return unchanged(state);
  const id = state.lastMark + 1;
  return {
    state: { ...state, lastMark: id, inFlight: { id, covers: state.changes } },
    effects: [
      { type: 'sendMark', id },
      { type: 'wait', timer: 'answerLate', ms: SLOW_ANSWER_MS },
    ],
  };
}

/** The mark on its way, if the answer is for it; what else arrives is an echo of an earlier connection. */
function answered(
  state: SavedState,
  mark: number | undefined,
): { covers: number; rest: SavedState } | undefined {
  if (state.inFlight === undefined || state.inFlight.id !== mark) return undefined;
  return { covers: state.inFlight.covers, rest: { ...state, inFlight: undefined, slow: false } };
}

function withoutLateTimer(step: SavedStep): SavedStep {
  return { state: step.state, effects: [{ type: 'cancel', timer: 'answerLate' }, ...step.effects] };
}

function onSaved(state: SavedState, event: { mark: number; level: string }): SavedStep {
  const answer = answered(state, event.mark);
  if (answer === undefined) return unchanged(state);
  if (!DURABLE_LEVELS.has(event.level)) return withoutLateTimer(unchanged({ ...answer.rest, weak: true }));
  const next: SavedState = {
    ...answer.rest,
    durable: answer.covers,
    confirmed: true,
    weak: false,
    refusal: undefined,
  };
  return withoutLateTimer(next.changes > next.durable ? scheduleMark(next, MARK_DELAY_MS) : unchanged(next));
}

function onNack(
  state: SavedState,
  event: { mark: number | undefined; refusal: Refusal; retryAfter: number | undefined },
): SavedStep {
  const answer = answered(state, event.mark);
  if (answer === undefined) return unchanged(state);
  const next: SavedState = { ...answer.rest, refusal: event.refusal };
  return withoutLateTimer(scheduleMark(next, retryDelayMs(event.retryAfter)));
}

function retryDelayMs(seconds: number | undefined): number {
  const { usual, least, most } = RETRY_AFTER_NACK_SECONDS;
  return Math.min(Math.max(seconds ?? usual, least), most) * 1000;
}
