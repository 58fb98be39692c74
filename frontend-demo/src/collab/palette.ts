/**
 * The colours of people. White text on each is readable (4.5:1), and each stands out as a thin line on the
 * light and on the dark page (3:1); `palette.test.ts` holds that.
 */

export const PALETTE = [
  '#c0392b',
  '#b3541e',
  '#8a6400',
  '#5f7a00',
  '#1e8046',
  '#0f7d78',
  '#0b76a8',
  '#3a68d8',
  '#6c55d6',
  '#9444c4',
  '#bb3594',
  '#c8325f',
] as const;

const FALLBACK = '#5a6b85';
const HEX = /^#[0-9a-f]{6}$/i;

/** A colour that came from somebody else, made harmless. */
export function safeColor(value: unknown): string {
  return typeof value === 'string' && HEX.test(value) ? value : FALLBACK;
}
