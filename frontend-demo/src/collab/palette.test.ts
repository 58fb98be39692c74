import { describe, expect, it } from 'vitest';
import { contrast } from '../../testing/contrast';
import { PALETTE, safeColor } from './palette';

const LIGHT_PAGE = '#ffffff';
const DARK_PAGE = '#1c1f26';

describe('the palette', () => {
  it.each(PALETTE)('%s carries white text and stands out on both pages', (color) => {
    expect(contrast(color, '#ffffff')).toBeGreaterThanOrEqual(4.5);
    expect(contrast(color, LIGHT_PAGE)).toBeGreaterThanOrEqual(3);
    expect(contrast(color, DARK_PAGE)).toBeGreaterThanOrEqual(3);
  });
});

describe('safeColor', () => {
  it('takes six hexadecimal digits and nothing else', () => {
    expect(safeColor('#0b76A8')).toBe('#0b76A8');
    for (const bad of ['red', '#fff', '#0b76a8; background: url(x)', 7, null, undefined, {}]) {
      expect(safeColor(bad)).toMatch(/^#[0-9a-f]{6}$/);
      expect(safeColor(bad)).not.toBe(bad);
    }
  });
});
