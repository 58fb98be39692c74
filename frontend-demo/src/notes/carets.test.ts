// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { caretElement, caretSelection, followCaretActivity } from './carets';

describe('caretElement', () => {
  it('shows a cleaned name in a safe colour, as text', () => {
    const caret = caretElement({ id: 'a', name: '<b>Ada</b>\u202e', color: 'red; background: url(x)' });
    expect(caret.textContent).toBe('<b>Ada</b>');
    expect(caret.style.getPropertyValue('--caret-color')).toMatch(/^#[0-9a-f]{6}$/);
    expect(caret.getAttribute('aria-hidden')).toBe('true');
  });

  it('calls the nameless guests', () => {
    expect(caretElement({}).textContent).toBe('Guest');
  });
});

it('lets no foreign text into the style of a selection', () => {
  expect(caretSelection({ color: 'x; position: fixed' }).style).toMatch(/^--caret-color: #[0-9a-f]{6}$/);
});

describe('followCaretActivity', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each(['moves', 'writes'])('shows the name of who %s, for a while', (activity) => {
    const awareness = new Awareness(new Y.Doc());
    const root = document.createElement('div');
    const caret = caretElement({ id: 'a"]', name: 'Ada' });
    caret.classList.remove('is-active');
    root.append(caret);
    const stop = followCaretActivity(awareness, root);
    const other = new Y.Doc();
    awareness.states.set(other.clientID, { user: { id: 'a"]', name: 'Ada' } });
    if (activity === 'moves') {
      awareness.emit('change', [{ added: [], updated: [other.clientID], removed: [] }, 'remote']);
    } else {
      other.getText('t').insert(0, 'x');
      Y.applyUpdate(awareness.doc, Y.encodeStateAsUpdate(other));
    }
    expect(caret.classList.contains('is-active')).toBe(true);
    vi.advanceTimersByTime(2_500);
    expect(caret.classList.contains('is-active')).toBe(false);
    stop();
    awareness.destroy();
  });
});
