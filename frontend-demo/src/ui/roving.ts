/** Roving focus for toolbars and swatches (WAI-ARIA): one tab stop, arrow keys, Home and End move within. */

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** The index that a key moves to, or undefined when the key is not one of ours. Wraps around. */
export function rovingTarget(key: string, current: number, count: number): number | undefined {
  if (count === 0) return undefined;
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  const step = STEPS[key];
  return step === undefined ? undefined : (current + step + count) % count;
}

/** Moves the focus inside `container` among its `[data-roving]` elements. */
export function moveRovingFocus(event: KeyboardEvent, container: HTMLElement): number | undefined {
  const stops = [...container.querySelectorAll<HTMLElement>('[data-roving]')];
  const current = stops.indexOf(document.activeElement as HTMLElement);
  const target = rovingTarget(event.key, current, stops.length);
  if (target === undefined || current === -1) return undefined;
  event.preventDefault();
  stops[target]?.focus();
  return target;
}
