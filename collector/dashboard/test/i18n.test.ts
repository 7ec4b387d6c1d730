import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { en } from '../src/i18n/en';
import { families } from '../src/i18n/families';
import { languageOf, say } from '../src/i18n/say';
import { vi } from '../src/i18n/vi';

const SOURCE = new URL('../src', import.meta.url).pathname;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(svelte|ts)$/.test(entry.name) && !/i18n\/(vi|en)(-\w+)?\.ts$/.test(path)
      ? [path]
      : [];
  });
}

const code = sources(SOURCE).map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const quoted = new Set(
  code.flatMap(({ text }) =>
    [...text.matchAll(/'([a-zA-Z]+\.[\w.]+)'/g)].map((found) => found[1] as string),
  ),
);
const ofFamilies = new Set(
  Object.entries(families).flatMap(([family, words]) => words.map((word) => `${family}.${word}`)),
);

/** The same in both languages, and rightly so. */
const SAME = ['app.name'];

describe('catalogue', () => {
  test('both languages have the same keys', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(vi).sort());
  });

  test('every key is used', () => {
    const unused = Object.keys(vi).filter((key) => !quoted.has(key) && !ofFamilies.has(key));
    expect(unused).toEqual([]);
  });

  test('every word of a family is there', () => {
    expect([...ofFamilies].filter((key) => !(key in vi))).toEqual([]);
  });

  test('no English is left over in Vietnamese', () => {
    const texts = (value: (typeof en)[keyof typeof en]) =>
      typeof value === 'string' ? [value] : [value.one, value.other];
    const left = (Object.keys(vi) as (keyof typeof vi)[]).filter(
      (key) => texts(en[key]).includes(vi[key]) && !SAME.includes(key),
    );
    expect(left).toEqual([]);
  });

  test('both languages fill the same places', () => {
    const places = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
    for (const key of Object.keys(vi) as (keyof typeof vi)[]) {
      const english = en[key];
      for (const text of typeof english === 'string' ? [english] : [english.one, english.other]) {
        expect(places(text), key).toEqual(places(vi[key]));
      }
    }
  });

  test('no sentence stands in a component', () => {
    // Text between tags that has letters and is not an expression, a name of the trade, or a key.
    const allowed = /^(ATT&CK|SOC|SQL)$/;
    const found = code
      .filter(({ path }) => path.endsWith('.svelte'))
      .flatMap(({ path, text }) => {
        const markup = text.replace(
          /<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>|<!--[\s\S]*?-->/g,
          '',
        );
        const bare = strip(markup);
        return [...bare.matchAll(/>([^<>]*\p{L}{2,}[^<>]*)</gu)].map(
          (match) => `${path}: ${match[1]?.trim()}`,
        );
      })
      .filter((line) => !allowed.test(line.split(': ').slice(1).join(': ')));
    expect(found).toEqual([]);
  });
});

/** Markup without expressions in braces, and without attributes. */
function strip(markup: string): string {
  let depth = 0;
  let text = '';
  for (const letter of markup) {
    if (letter === '{') depth += 1;
    if (depth === 0) text += letter;
    if (letter === '}') depth -= 1;
  }
  return text.replace(/<(\/?)([a-zA-Z]\w*)(?:"[^"]*"|[^">])*>/g, '<$1$2>');
}

describe('safety of the source', () => {
  test('no markup is made from text', () => {
    const found = code.filter(({ text }) =>
      /\{@html|innerHTML|insertAdjacentHTML|document\.write/.test(text),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test('no style attribute stands in markup, which the content-security policy would refuse', () => {
    expect(
      code
        .filter(({ text }) =>
          /\sstyle="/.test(text.replace(/<Time[^>]*>/g, '').replace(/<Time[\s\S]*?\/>/g, '')),
        )
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe('say', () => {
  test('numbers and plurals follow the language', () => {
    expect(say('{count} máy', { count: 12345 }, 'vi')).toBe('12.345 máy');
    expect(say({ one: '{count} day', other: '{count} days' }, { count: 1 }, 'en')).toBe('1 day');
    expect(say({ one: '{count} day', other: '{count} days' }, { count: 1200 }, 'en')).toBe(
      '1,200 days',
    );
    expect(say('{a} {b}', { a: 'x' }, 'en')).toBe('x {b}');
  });

  test('the language of the browser decides at first', () => {
    expect(languageOf(['vi-VN', 'en'])).toBe('vi');
    expect(languageOf(['VI'])).toBe('vi');
    expect(languageOf(['en-US', 'vi'])).toBe('en');
    expect(languageOf([])).toBe('en');
  });
});
