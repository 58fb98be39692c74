import { describe, expect, it } from 'vitest';
import { INITIAL_SAVED_STATE, type SavedEffect, type SavedEvent, stepSaved, viewSaved } from './saved-state';

/** Runs events and keeps what the machine asked for. */
class Machine {
  state = INITIAL_SAVED_STATE;
  effects: SavedEffect[] = [];

  run(...events: SavedEvent[]): this {
    for (const event of events) {
      const step = stepSaved(this.state, event);
      this.state = step.state;
      this.effects.push(...step.effects);
    }
    return this;
  }

  get marks(): number[] {
    return this.effects.flatMap((effect) => (effect.type === 'sendMark' ? [effect.id] : []));
  }

  get view() {
    return viewSaved(this.state);
  }
}

const saved = (mark: number, level = 'journaled'): SavedEvent => ({ type: 'saved', mark, level });
const nack = (mark: number, retryAfter?: number): SavedEvent => ({
  type: 'nack',
  mark,
  refusal: { code: 'unavailable', message: 'The disk is full.' },
  retryAfter,
});
const REJECTED: SavedEvent = { type: 'rejected', refusal: { code: 'too_large', message: '' } };

const joined = () => new Machine().run({ type: 'opened' }, { type: 'joined' });
const settled = () => joined().run(saved(1));

describe('joining', () => {
  it('is offline at first, checks after joining, and is saved once the first mark came back', () => {
    const machine = new Machine();
    expect(machine.view).toMatchObject({ status: 'offline', unsaved: false });
    machine.run({ type: 'opened' });
    expect(machine.view).toMatchObject({ status: 'unknown', checking: true });
    machine.run({ type: 'joined' });
    expect(machine.marks).toEqual([1]);
    expect(machine.view).toMatchObject({ status: 'unknown', checking: true });
    machine.run(saved(1));
    expect(machine.view).toMatchObject({ status: 'saved', unsaved: false, checking: false });
  });

  it('never says saved to a server that does not answer hello', () => {
    const machine = new Machine().run({ type: 'opened' }, { type: 'silent' }, { type: 'changed' });
    expect(machine.marks).toEqual([]);
    expect(machine.view).toMatchObject({ status: 'unknown', checking: false, unsaved: true });
  });

  it('takes a welcome that comes late', () => {
    const machine = new Machine().run({ type: 'opened' }, { type: 'silent' }, { type: 'joined' }, saved(1));
    expect(machine.view.status).toBe('saved');
  });
});

describe('a local change', () => {
  it('shows saving, is marked after a delay, and saved when that mark is answered', () => {
    const machine = settled().run({ type: 'changed' });
    expect(machine.view).toMatchObject({ status: 'saving', unsaved: true });
    expect(machine.effects.at(-1)).toEqual({ type: 'wait', timer: 'markDue', ms: 250 });
    expect(machine.marks).toEqual([1]);
    machine.run({ type: 'markDue' });
    expect(machine.marks).toEqual([1, 2]);
    machine.run(saved(2));
    expect(machine.view.status).toBe('saved');
  });

  it('waits once for many changes', () => {
    const machine = settled();
    machine.effects = [];
    machine.run({ type: 'changed' }, { type: 'changed' }, { type: 'changed' });
    expect(machine.effects).toHaveLength(1);
  });

  it('is not saved by a mark that was sent before it', () => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, { type: 'changed' }, saved(2));
    expect(machine.view.status).toBe('saving');
    machine.run({ type: 'markDue' }, saved(3));
    expect(machine.view.status).toBe('saved');
  });

  it('has one mark in flight at a time', () => {
    const machine = settled().run(
      { type: 'changed' },
      { type: 'markDue' },
      { type: 'changed' },
      { type: 'markDue' },
    );
    expect(machine.marks).toEqual([1, 2]);
  });

  it('is not saved by an answer that fits no mark', () => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, saved(1), saved(99));
    expect(machine.view.status).toBe('saving');
  });

  it('says so when the answer takes long', () => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, { type: 'answerLate' });
    expect(machine.view).toMatchObject({ status: 'saving', slow: true });
    expect(machine.run(saved(2)).view).toMatchObject({ status: 'saved', slow: false });
  });

  it('is not saved at the level received, which does not survive the server', () => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, saved(2, 'received'));
    expect(machine.view).toMatchObject({ status: 'unknown', unsaved: true });
  });
});

describe('losing the connection', () => {
  it('keeps apart whether something of ours was at stake', () => {
    expect(settled().run({ type: 'closed' }).view).toMatchObject({ status: 'offline', unsaved: false });
    expect(settled().run({ type: 'changed' }, { type: 'closed' }).view).toMatchObject({
      status: 'offline',
      unsaved: true,
    });
  });

  it('forgets the mark in flight: its answer on a new connection means nothing', () => {
    const machine = settled().run(
      { type: 'changed' },
      { type: 'markDue' },
      { type: 'closed' },
      { type: 'opened' },
    );
    machine.run({ type: 'joined' }, saved(2));
    expect(machine.view.status).toBe('saving');
    expect(machine.marks).toEqual([1, 2, 3]);
    expect(machine.run(saved(3)).view.status).toBe('saved');
  });

  it('asks again after a reconnect, although nothing changed', () => {
    const machine = settled().run({ type: 'closed' }, { type: 'opened' });
    expect(machine.view).toMatchObject({ status: 'unknown', checking: true });
    machine.run({ type: 'joined' });
    expect(machine.marks).toEqual([1, 2]);
  });

  it('covers offline changes with the first mark of the new connection', () => {
    const machine = settled().run({ type: 'closed' }, { type: 'changed' }, { type: 'changed' });
    machine.run({ type: 'opened' }, { type: 'joined' });
    expect(machine.view.status).toBe('saving');
    expect(machine.run(saved(2)).view.status).toBe('saved');
  });

  it('stops the timers', () => {
    const machine = settled().run({ type: 'changed' });
    machine.effects = [];
    machine.run({ type: 'closed' });
    expect(machine.effects.map((effect) => effect.type)).toEqual(['cancel', 'cancel']);
  });

  it('is refused when the end is for good and changes are left', () => {
    expect(settled().run({ type: 'changed' }, { type: 'ended' }, { type: 'closed' }).view.status).toBe(
      'refused',
    );
    expect(settled().run({ type: 'closed' }, { type: 'ended' }).view.status).toBe('offline');
  });
});

describe('refusals', () => {
  it('shows what a nack says and tries again when the server says', () => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, nack(2, 2));
    expect(machine.view).toMatchObject({
      status: 'refused',
      rejected: false,
      refusal: { code: 'unavailable', message: 'The disk is full.' },
    });
    expect(machine.effects.at(-1)).toEqual({ type: 'wait', timer: 'markDue', ms: 2000 });
    expect(machine.run({ type: 'markDue' }, saved(3)).view.status).toBe('saved');
  });

  it.each([
    [undefined, 10_000],
    [-5, 250],
    [86_400, 60_000],
  ])('after retry_after %s waits %i ms', (retryAfter, ms) => {
    const machine = settled().run({ type: 'changed' }, { type: 'markDue' }, nack(2, retryAfter));
    expect(machine.effects.at(-1)).toEqual({ type: 'wait', timer: 'markDue', ms });
  });

  it('ignores a nack for something else', () => {
    const other: SavedEvent = {
      type: 'nack',
      mark: undefined,
      refusal: { code: 'x', message: '' },
      retryAfter: 1,
    };
    expect(settled().run(other).view.status).toBe('saved');
  });

  it('keeps a rejection whatever a later mark says, until a new connection offers the edits again', () => {
    const machine = settled().run({ type: 'changed' }, REJECTED, { type: 'markDue' }, saved(2));
    expect(machine.view).toMatchObject({ status: 'refused', rejected: true, unsaved: true });
    machine.run({ type: 'closed' });
    expect(machine.view.status).toBe('refused');
    machine.run({ type: 'opened' }, { type: 'joined' }, saved(3));
    expect(machine.view).toMatchObject({ status: 'saved', rejected: false });
  });
});
