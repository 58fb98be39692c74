/** What the server's close codes mean to the person at the page. Owns the classes; the words are in `strings.ts`. */

export type EndReason = 'badFrame' | 'unauthenticated' | 'forbidden' | 'deleted' | 'kicked' | 'otherEnd';
export type PauseReason =
  | 'restarting'
  | 'busy'
  | 'tooBig'
  | 'slowConsumer'
  | 'tooFast'
  | 'signedOut'
  | 'lost';

const END_REASONS: ReadonlyMap<number, EndReason> = new Map([
  [4400, 'badFrame'],
  [4401, 'unauthenticated'],
  [4403, 'forbidden'],
  [4410, 'deleted'],
  [4432, 'kicked'],
]);

const PAUSE_REASONS: ReadonlyMap<number, PauseReason> = new Map([
  [1009, 'tooBig'],
  [1011, 'busy'],
  [1012, 'restarting'],
  [1013, 'busy'],
  [4501, 'signedOut'],
  [4529, 'tooFast'],
  [4530, 'slowConsumer'],
]);

/** Closed for good: y-websocket does not come back after 4400 to 4499. */
export function endReason(code: number): EndReason {
  return END_REASONS.get(code) ?? 'otherEnd';
}

/** Closed for now: the provider tries again by itself. */
export function pauseReason(code: number): PauseReason {
  return PAUSE_REASONS.get(code) ?? 'lost';
}
