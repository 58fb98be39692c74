// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { moveRovingFocus, rovingTarget } from './roving';

describe('rovingTarget', () => {
  it.each([
    ['ArrowRight', 0, 1],
    ['ArrowRight', 4, 0],
    ['ArrowLeft', 0, 4],
    ['Home', 3, 0],
    ['End', 1, 4],
    ['Enter', 1, undefined],
  ])('%s from %i of 5 goes to %s', (key, from, to) => {
    expect(rovingTarget(key, from, 5)).toBe(to);
  });

  it('has nowhere to go among nothing', () => {
    expect(rovingTarget('End', 0, 0)).toBeUndefined();
  });
});

describe('moveRovingFocus', () => {
  it('moves the focus and keeps the key from scrolling the page', () => {
    document.body.innerHTML =
      '<div><button data-roving>a</button><i></i><button data-roving>b</button></div>';
    const [first, second] = document.querySelectorAll('button');
    first?.focus();
    const event = new KeyboardEvent('keydown', { key: 'ArrowRight', cancelable: true });
    expect(moveRovingFocus(event, document.body)).toBe(1);
    expect(document.activeElement).toBe(second);
    expect(event.defaultPrevented).toBe(true);
  });

  it('leaves keys alone while the focus is elsewhere', () => {
    document.body.innerHTML = '<input><button data-roving>a</button>';
    document.querySelector('input')?.focus();
    const event = new KeyboardEvent('keydown', { key: 'Home', cancelable: true });
    expect(moveRovingFocus(event, document.body)).toBeUndefined();
    expect(event.defaultPrevented).toBe(false);
  });
});
