/**
 * What to call the state of the connection: a pure state machine over what the provider and the browser report.
 * Owns the phases and when they change; knows no socket, no clock and no words.
 */

/**
 * connecting: first time, no answer yet · online: connected and in sync · reconnecting: was online, trying again ·
 * offline: has been without a connection for a while, still trying · refused: the server closed for good.
 */
export type Phase = 'connecting' | 'online' | 'reconnecting' | 'offline' | 'refused';

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectionState {
  readonly socket: 'closed' | 'open';
  readonly synced: boolean;
  readonly everOnline: boolean;
  /** Connections lost or not made since the page was last online. */
  readonly failures: number;
  /** The patience timer ran out since the page was last online. */
  readonly late: boolean;
  readonly networkDown: boolean;
  readonly lastClosing: Closing | undefined;
  readonly ended: Closing | undefined;
}

export type ConnectionEvent =
  | { type: 'opened' }
  | { type: 'synced' }
  | { type: 'closed'; closing: Closing | undefined }
  | { type: 'ended'; closing: Closing }
  | { type: 'patienceOver' }
  | { type: 'network'; up: boolean }
  | { type: 'retried' };

export interface ConnectionView {
  readonly phase: Phase;
  /** Why the connection is not there, as far as the server said so. */
  readonly closing: Closing | undefined;
  /** False until the page has been online once: nothing is loaded yet. */
  readonly everOnline: boolean;
}

export const INITIAL_CONNECTION_STATE: ConnectionState = {
  socket: 'closed',
  synced: false,
  everOnline: false,
  failures: 0,
  late: false,
  networkDown: false,
  lastClosing: undefined,
  ended: undefined,
};

export function stepConnection(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case 'opened':
      return { ...state, socket: 'open', synced: false };
    case 'synced':
      return {
        ...state,
        synced: true,
        everOnline: true,
        failures: 0,
        late: false,
        lastClosing: undefined,
      };
    case 'closed':
      return {
        ...state,
        socket: 'closed',
        synced: false,
        failures: state.failures + 1,
        lastClosing: event.closing ?? state.lastClosing,
      };
    case 'ended':
      return { ...state, socket: 'closed', synced: false, ended: event.closing };
    case 'patienceOver':
      return { ...state, late: true };
    case 'network':
      return { ...state, networkDown: !event.up };
    case 'retried':
      return { ...state, ended: undefined, late: false, failures: 0 };
  }
}

export function viewConnection(state: ConnectionState): ConnectionView {
  return {
    phase: phaseOf(state),
    closing: state.ended ?? state.lastClosing,
    everOnline: state.everOnline,
  };
}

function phaseOf(state: ConnectionState): Phase {
  if (state.ended !== undefined) return 'refused';
  if (state.socket === 'open' && state.synced) return 'online';
  // An open socket counts as progress only on the first try: a server that accepts and closes again
  // would make the indicator flicker.
  const progress = state.socket === 'open' && state.failures === 0;
  if (!progress && (state.networkDown || state.late)) return 'offline';
  return state.everOnline ? 'reconnecting' : 'connecting';
}
