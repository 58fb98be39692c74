import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as Y from 'yjs';
import { FakeProvider } from '../../testing/fake-provider';
import { memoryStore } from '../../testing/memory-store';
import { createIdentityStore } from './identity';
import { RoomSession } from './room-session';

const WELCOME = { op: 'welcome', v: 1, session: 's', can: ['read', 'write'], channels: {} };

function openSession(room = 'a/ü 1') {
  let provider: FakeProvider | undefined;
  const identity = createIdentityStore(memoryStore(), () => 0.5);
  const session = new RoomSession({
    serverUrl: 'ws://host',
    room,
    identity,
    createProvider: (serverUrl, roomPath, doc) => {
      provider = new FakeProvider(serverUrl, roomPath, doc);
      return provider;
    },
  });
  if (provider === undefined) throw new Error('no provider was made');
  return { session, provider, identity };
}

async function openSavedSession() {
  const parts = openSession();
  await parts.provider.open();
  parts.provider.sync();
  parts.provider.receive(WELCOME);
  parts.provider.receive({ op: 'saved', mark: 1, level: 'journaled' });
  return parts;
}

const write = (doc: Y.Doc, text: string) => doc.getText('t').insert(0, text);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('connecting', () => {
  it('puts the room into the address, encoded, and connects', () => {
    const { provider } = openSession();
    expect([provider.serverUrl, provider.roomPath]).toEqual(['ws://host', 'a/%C3%BC%201']);
    expect(provider.calls).toEqual(['connect']);
  });

  it('says hello after the provider has sent its own first messages', async () => {
    const { provider } = openSession();
    const opening = provider.open();
    expect(provider.sent).toEqual([]);
    await opening;
    expect(provider.sent).toEqual([{ op: 'hello', v: 1, channels: {} }]);
  });

  it('is loaded at the first sync and stays so', async () => {
    const { session, provider } = openSession();
    await provider.open();
    expect([session.loaded.value, session.connection.value.phase]).toEqual([false, 'connecting']);
    provider.sync();
    provider.lose();
    expect([session.loaded.value, session.connection.value.phase]).toEqual([true, 'reconnecting']);
  });

  it('is offline when nobody answers for four seconds', () => {
    const { session, provider } = openSession();
    provider.lose();
    vi.advanceTimersByTime(3_999);
    expect(session.connection.value.phase).toBe('connecting');
    vi.advanceTimersByTime(1);
    expect(session.connection.value.phase).toBe('offline');
  });

  it('stops for good at 44xx and starts again on demand', async () => {
    const { session, provider } = await openSavedSession();
    provider.end({ code: 4403, reason: 'forbidden' });
    expect(session.connection.value).toMatchObject({ phase: 'refused', closing: { code: 4403 } });
    const clock = () => session.awareness.meta.get(session.doc.clientID)?.clock ?? 0;
    const before = clock();
    session.retry();
    expect(clock()).toBeGreaterThan(before);
    expect(provider.calls).toEqual(['connect', 'disconnect', 'connect']);
    expect(session.connection.value.phase).toBe('reconnecting');
  });
});

describe('a network that goes away', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is noticed although the socket looks open, and tried again when it is back', async () => {
    const network = { onLine: true };
    const browser = new EventTarget();
    vi.stubGlobal('window', browser);
    vi.stubGlobal('navigator', network);
    const { session, provider } = await openSavedSession();
    network.onLine = false;
    browser.dispatchEvent(new Event('offline'));
    expect(provider.calls).toEqual(['connect', 'disconnect', 'connect']);
    provider.lose(null);
    expect(session.connection.value.phase).toBe('offline');
    network.onLine = true;
    browser.dispatchEvent(new Event('online'));
    expect(provider.calls.at(-1)).toBe('connect');
    expect(session.connection.value.phase).toBe('reconnecting');
  });
});

describe('saved', () => {
  it.each(['sync first', 'welcome first'])('marks once both greeted and in sync (%s)', async (order) => {
    const { provider } = openSession();
    await provider.open();
    const steps = [() => provider.sync(), () => provider.receive(WELCOME)];
    if (order === 'welcome first') steps.reverse();
    steps[0]?.();
    expect(provider.sent).toHaveLength(1);
    steps[1]?.();
    expect(provider.sent.at(-1)).toEqual({ op: 'mark', id: 1 });
  });

  it('follows local changes only', async () => {
    const { session, provider } = await openSavedSession();
    const other = new Y.Doc();
    write(other, 'theirs');
    Y.applyUpdate(session.doc, Y.encodeStateAsUpdate(other), provider);
    expect(session.saved.value.status).toBe('saved');
    write(session.doc, 'mine');
    expect(session.saved.value.status).toBe('saving');
    vi.advanceTimersByTime(250);
    expect(provider.sent.at(-1)).toEqual({ op: 'mark', id: 2 });
    provider.receive({ op: 'saved', mark: 2, level: 'journaled' });
    expect(session.saved.value.status).toBe('saved');
  });

  it('is unknown four seconds after a hello that nobody answered', async () => {
    const { session, provider } = openSession();
    await provider.open();
    provider.sync();
    vi.advanceTimersByTime(4_000);
    expect(session.saved.value).toMatchObject({ status: 'unknown', checking: false });
  });

  it.each([
    { op: 'welcome', v: 2 },
    { op: 'nack', code: 'unsupported_version', message: 'm' },
  ])('is unknown where the versions differ: %j', async (answer) => {
    const { session, provider } = openSession();
    await provider.open();
    provider.sync();
    provider.receive(answer);
    expect(session.channel.value).toBe('mismatch');
    expect(session.saved.value.status).toBe('unknown');
  });
});

describe('permission', () => {
  it('is assumed until the server says otherwise, and follows it', async () => {
    const { session, provider } = await openSavedSession();
    expect(session.writable.value).toBe(true);
    provider.receive({ op: 'role', can: ['read'] });
    expect(session.writable.value).toBe(false);
    provider.receive({ op: 'role', can: ['read', 'write'] });
    expect(session.writable.value).toBe(true);
  });
});

describe('people', () => {
  it('tells the others who one is, and again when that changes', () => {
    const { session, identity } = openSession();
    identity.rename('Mira');
    expect(session.awareness.getLocalState()?.user).toEqual(identity.current.value);
    expect(session.people.value).toMatchObject([{ name: 'Mira', isSelf: true }]);
  });

  it('can step out of sight and back', () => {
    const { session, identity } = openSession();
    session.hide();
    identity.rename('Mira');
    expect(session.awareness.getLocalState()).toBeNull();
    session.show();
    expect(session.awareness.getLocalState()?.user).toMatchObject({ name: 'Mira' });
  });
});

it('ends without timers and without a connection', async () => {
  const { session, provider } = await openSavedSession();
  write(session.doc, 'mine');
  session.destroy();
  expect(provider.calls.at(-1)).toBe('destroy');
  expect(vi.getTimerCount()).toBe(0);
});
