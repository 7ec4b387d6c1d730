import { expect, test } from 'vitest';
import { diff } from '../src/configuration/diff';

const shown = (before: string, after: string) =>
  diff(before, after).map((line) => line.sign + line.text);

test('what stays stays, what changed is taken away and added', () => {
  expect(shown('[port]\npoll_ms = 1500\n[host]\n', '[port]\npoll_ms = 3000\n[host]\n')).toEqual([
    ' [port]',
    '-poll_ms = 1500',
    '+poll_ms = 3000',
    ' [host]',
  ]);
});

test('nothing and something', () => {
  expect(shown('', 'a\nb')).toEqual(['+a', '+b']);
  expect(shown('a\r\nb\r\n', '')).toEqual(['-a', '-b']);
  expect(shown('a\n', 'a')).toEqual([' a']);
  expect(shown('', '')).toEqual([]);
});
