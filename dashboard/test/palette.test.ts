import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** Contrast required by WCAG 2.2 AA: of text, and of meaningful graphics. */
const TEXT = 4.5;
const SHAPE = 3;

const css = readFileSync(new URL('../style/palette.css', import.meta.url), 'utf8');
const pairs = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name, light, dark]) => [name as string, [light as string, dark as string] as const],
  ),
);

const USES = [
  [TEXT, ['text', 'muted'], ['page', 'surface', 'raised', 'accent-soft']],
  [TEXT, ['accent'], ['surface', 'raised']],
  [TEXT, ['up', 'down', 'warn'], ['surface', 'raised']],
  [TEXT, ['up', 'text'], ['up-soft']],
  [TEXT, ['down', 'text'], ['down-soft']],
  [TEXT, ['surface'], ['down']],
  [SHAPE, ['accent', 'up', 'down', 'warn'], ['surface', 'raised', 'accent-soft']],
  [SHAPE, ['up'], ['down-soft']],
  [SHAPE, ['down'], ['up-soft']],
] as const;

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('%s', (_theme, index) => {
  for (const [least, foregrounds, backgrounds] of USES) {
    for (const foreground of foregrounds) {
      test.each(backgrounds)(`${foreground} on %s has ${least}:1`, (background) => {
        expect(contrast(colour(foreground, index), colour(background, index))).toBeGreaterThan(
          least,
        );
      });
    }
  }
});

test('every colour of the page is one of the palette', () => {
  expect(pairs.size).toBe([...css.matchAll(/^ {2}--/gm)].length);
  const folder = new URL('../style/', import.meta.url);
  const sheets = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const defined = sheets.flatMap((sheet) => [...sheet.matchAll(/^ {2,4}(--[a-z-]+):/gm)]);
  const names = new Set(defined.map(([, name]) => name));
  for (const sheet of sheets) {
    if (sheet !== css) expect(sheet).not.toMatch(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/i);
    for (const [, used] of sheet.matchAll(/var\((--[a-z-]+)/g)) expect(names).toContain(used);
  }
});

function colour(name: string, index: 0 | 1): string {
  const pair = pairs.get(name);
  if (pair === undefined) throw new Error(`the palette has no ${name}`);
  return pair[index];
}

/** By WCAG's definition of relative luminance. */
function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return ((lighter as number) + 0.05) / ((darker as number) + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
