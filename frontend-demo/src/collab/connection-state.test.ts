import { describe, expect, it } from 'vitest';
import {
  type ConnectionEvent,
  INITIAL_CONNECTION_STATE,
  stepConnection,
  viewConnection,
} from './connection-state';

const LOST: ConnectionEvent = { type: 'closed', closing: { code: 1006, reason: '' } };
const BUSY: ConnectionEvent = { type: 'closed', closing: { code: 1013, reason: 'try_again' } };
const KICKED: ConnectionEvent = { type: 'ended', closing: { code: 4432, reason: 'kicked' } };
const ONLINE: ConnectionEvent[] = [{ type: 'opened' }, { type: 'synced' }];
const LATE: ConnectionEvent = { type: 'patienceOver' };

function view(...events: ConnectionEvent[]) {
  return viewConnection(events.reduce(stepConnection, INITIAL_CONNECTION_STATE));
}

describe('the phase', () => {
  it.each<[string, ConnectionEvent[], string]>([
    ['nothing yet', [], 'connecting'],
    ['socket open, not in sync', [{ type: 'opened' }], 'connecting'],
    ['in sync', ONLINE, 'online'],
    ['first attempts fail', [LOST, LOST], 'connecting'],
    ['first attempts fail for long', [LOST, LATE], 'offline'],
    ['lost just now', [...ONLINE, LOST], 'reconnecting'],
    ['lost for long', [...ONLINE, LOST, LATE], 'offline'],
    ['back', [...ONLINE, LOST, LATE, ...ONLINE], 'online'],
    ['no network and no socket', [...ONLINE, { type: 'network', up: false }, LOST], 'offline'],
    ['no network, yet the socket works (loopback)', [...ONLINE, { type: 'network', up: false }], 'online'],
    ['closed for good', [...ONLINE, LOST, KICKED], 'refused'],
    ['tried again after that', [...ONLINE, LOST, KICKED, { type: 'retried' }], 'reconnecting'],
    ['a large document is on its way', [{ type: 'opened' }, LATE], 'connecting'],
  ])('%s: %s', (_name, events, phase) => {
    expect(view(...events).phase).toBe(phase);
  });

  it('does not flicker when the server accepts and closes again', () => {
    const phases = [LATE, BUSY, { type: 'opened' } as const, BUSY, { type: 'opened' } as const].map(
      (_, index, all) => view(...ONLINE, LOST, ...all.slice(0, index + 1)),
    );
    expect(new Set(phases.map(({ phase }) => phase))).toEqual(new Set(['offline']));
  });
});

describe('the reason', () => {
  it('is the last one given, also when a local close follows', () => {
    expect(view(...ONLINE, BUSY, { type: 'closed', closing: undefined }).closing?.code).toBe(1013);
  });

  it('is forgotten once online', () => {
    expect(view(BUSY, ...ONLINE).closing).toBeUndefined();
  });

  it('is that of the end, when there is one', () => {
    expect(view(...ONLINE, LOST, KICKED).closing).toEqual({ code: 4432, reason: 'kicked' });
  });
});
