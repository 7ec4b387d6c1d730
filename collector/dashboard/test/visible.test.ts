import { describe, expect, test } from 'vitest';
import { parts } from '../src/hostile/slice';
import { visible, visibleText } from '../src/hostile/visible';

describe('hostile text', () => {
  const check = (input: string, expected: string) => expect(visibleText(input)).toBe(expected);

  test('ordinary Vietnamese stays as it is, composed or not', () => {
    check(
      'Sở Thông tin và Truyền thông – Đường Nguyễn Huệ',
      'Sở Thông tin và Truyền thông – Đường Nguyễn Huệ',
    );
    const apart = 'Truyền thông'.normalize('NFD');
    check(apart, apart);
  });

  test('markup is only text', () => {
    expect(visible('<script>alert(1)</script>')).toEqual([{ text: '<script>alert(1)</script>' }]);
  });

  test('control characters become marks', () => {
    check('a\u0000b\u0007c\u007fd\u0085e', 'a[NUL]b[BEL]c[DEL]d[U+0085]e');
    check('one\ttwo\r\nthree', 'one[⇥]two[CR][↵]three');
  });

  test('terminal escapes become one mark each', () => {
    check('\u001b[31mred\u001b[0m', '[ESC [31m]red[ESC [0m]');
    check('\u001b]0;title\u0007x', '[ESC ]0;title[BEL]]x');
    check('\u001bc', '[ESC]c');
  });

  test('marks of direction and of no width are seen', () => {
    check('fdp.\u202Eexe\u202C', 'fdp.[U+202E]exe[U+202C]');
    check(
      'a\u2066b\u2069\u200b\u200d\ufeff\u00ad\u2060',
      'a[U+2066]b[U+2069][U+200B][U+200D][U+FEFF][U+00AD][U+2060]',
    );
    expect(visible('\u202E')).toEqual([{ mark: 'U+202E', name: 'U+202E RIGHT-TO-LEFT OVERRIDE' }]);
  });

  test('lone surrogates, tags, odd spaces and fillers are seen', () => {
    check('\ud800x', '[U+D800]x');
    check('\u{e0041}', '[U+E0041]');
    check('a\u00a0b\u3000c\u3164d\u2800', 'a[U+00A0]b[U+3000]c[U+3164]d[U+2800]');
    check('\u2028\u2029', '[U+2028][U+2029]');
  });

  test('towers of combining marks are cut down', () => {
    check(`a${'\u0301'.repeat(40)}b`, 'a[U+0301 ×40]b');
  });

  test('nothing stays nothing', () => {
    expect(visible('')).toEqual([{ text: '' }]);
  });
});

describe('parts', () => {
  test('bytes of UTF-8 are cut between letters', () => {
    const value = 'ma=Nguyễn UNION';
    const start = new TextEncoder().encode('ma=Nguyễn ').length;
    expect(parts(value, start, start + 5)).toEqual({
      before: 'ma=Nguyễn ',
      matched: 'UNION',
      after: '',
    });
  });

  test('a range that cannot be is no range', () => {
    expect(parts('abc', null, null)).toBeNull();
    expect(parts('abc', 2, 9)).toBeNull();
    expect(parts('abc', 2, 2)).toBeNull();
    expect(parts('abc', -1, 2)).toBeNull();
    expect(parts('ễ', 1, 3)).toBeNull();
  });
});
