import { describe, expect, it } from 'vitest';
import { ariaKeys, readableKeys, TOOLBAR_GROUPS } from './toolbar-items';

describe('keys', () => {
  it('are written as the system writes them', () => {
    expect(readableKeys('Mod-Shift-8', false)).toBe('Ctrl+Shift+8');
    expect(readableKeys('Mod-Shift-8', true)).toBe('⇧⌘8');
    expect(readableKeys('Mod-Alt-c', true)).toBe('⌥⌘C');
    expect(ariaKeys('Mod-b', false)).toBe('Control+B');
    expect(ariaKeys('Mod-b', true)).toBe('Meta+B');
  });
});

it('gives each tool an id, a name and keys of its own', () => {
  const items = TOOLBAR_GROUPS.flat();
  for (const property of ['id', 'label', 'keys'] as const) {
    expect(new Set(items.map((item) => item[property])).size).toBe(items.length);
  }
});
