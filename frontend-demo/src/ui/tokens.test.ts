import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contrast } from '../../testing/contrast';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const [lightPart = '', darkPart = ''] = css.split('@media screen and (prefers-color-scheme: dark)');

function colorsIn(part: string): Map<string, string> {
  return new Map(
    [...part.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

const light = colorsIn(lightPart);
const dark = new Map([...light, ...colorsIn(darkPart)]);

const TEXT_ON: [string, string][] = [
  ...['bg', 'surface', 'sunken', 'selection', 'warn-soft', 'bad-soft', 'accent-soft'].map(
    (ground): [string, string] => ['ink', ground],
  ),
  ...['bg', 'surface', 'sunken'].map((ground): [string, string] => ['ink-soft', ground]),
  ...['bg', 'surface', 'accent-soft'].map((ground): [string, string] => ['accent', ground]),
  ['accent-ink', 'accent'],
  ['accent-ink', 'accent-strong'],
  ['good', 'surface'],
  ['warn', 'surface'],
  ['bad', 'surface'],
  ['surface', 'ink'],
];

describe.each([
  ['light', light],
  ['dark', dark],
])('the %s scheme', (_name, colors) => {
  const color = (name: string) => {
    const value = colors.get(name);
    if (value === undefined) throw new Error(`no colour --${name}`);
    return value;
  };

  it.each(TEXT_ON)('%s on %s is readable (4.5:1)', (text, ground) => {
    expect(contrast(color(text), color(ground))).toBeGreaterThanOrEqual(4.5);
  });

  it.each([
    ['control-line', 'surface'],
    ['accent', 'surface'],
    ['accent', 'bg'],
  ])('%s on %s can be seen (3:1)', (line, ground) => {
    expect(contrast(color(line), color(ground))).toBeGreaterThanOrEqual(3);
  });
});
