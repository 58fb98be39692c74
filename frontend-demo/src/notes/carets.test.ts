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

  it('shows the name of who moves, for a while', () => {
    const awareness = new Awareness(new Y.Doc());
    const root = document.createElement('div');
    const caret = caretElement({ id: 'a"]', name: 'Ada' });
    caret.classList.remove('is-active');
    root.append(caret);
    const stop = followCaretActivity(awareness, root);
    awareness.states.set(7, { user: { id: 'a"]', name: 'Ada' } });
    awareness.emit('change', [{ added: [], updated: [7], removed: [] }, 'remote']);
    expect(caret.classList.contains('is-active')).toBe(true);
    vi.advanceTimersByTime(2_500);
    expect(caret.classList.contains('is-active')).toBe(false);
    stop();
    awareness.destroy();
  });
});
