import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../src/styles/tokens.css', import.meta.url), 'utf8');

function tokens(block: string | undefined): Record<string, string> {
  return Object.fromEntries(
    [...(block ?? '').matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((found) => [
      found[1],
      found[2],
    ]),
  );
}

const light = tokens(css.match(/^:root \{([\s\S]*?)^\}/m)?.[1]);
const bySystem = tokens(css.match(/@media[\s\S]*?\{([\s\S]*?)\n {2}\}/)?.[1]);
const dark = tokens(css.match(/^:root\[data-theme='dark'\] \{([\s\S]*?)^\}/m)?.[1]);

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ['surface-0', 'surface-1', 'surface-2'];
const TEXTS = ['text-1', 'text-2', 'text-3', 'accent-text', 'good-text', 'weak-text', 'bad-text'];
const LEVELS = ['critical', 'high', 'medium', 'low', 'informational'].map(
  (level) => `level-${level}`,
);
const SHAPES = [...LEVELS, 'good', 'weak', 'bad', 'unknown'];

describe.each([
  ['light', light],
  ['dark', dark],
])('%s theme', (_name, theme) => {
  const of = (token: string) => theme[token] as string;

  test('text is read on every surface (WCAG AA, 4.5)', () => {
    for (const text of TEXTS) {
      for (const surface of [...SURFACES, 'accent-soft']) {
        expect(contrast(of(text), of(surface)), `${text} on ${surface}`).toBeGreaterThanOrEqual(
          4.5,
        );
      }
    }
    expect(contrast(of('text-2'), of('surface-3'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of('on-accent'), of('accent'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of('on-match'), of('match'))).toBeGreaterThanOrEqual(4.5);
  });

  test('shapes are seen on cards (WCAG AA, 3.0)', () => {
    for (const shape of SHAPES) {
      expect(contrast(of(shape), of('surface-1')), shape).toBeGreaterThanOrEqual(3);
    }
  });

  test('the more severe stands out more, without seeing colour', () => {
    const against = LEVELS.map((level) => contrast(of(level), of('surface-1')));
    for (let index = 1; index < against.length; index += 1) {
      expect(against[index - 1], LEVELS[index]).toBeGreaterThan((against[index] as number) * 1.05);
    }
  });
});

test('the dark theme is the same by choice and by system', () => {
  expect(bySystem).toEqual(dark);
  expect(Object.keys(dark).sort()).toEqual(Object.keys(light).sort());
});
