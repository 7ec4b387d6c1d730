import { describe, expect, test } from 'vitest';
import type { Port } from '../src/api/types';
import { ceiling, pieces, timeTicks } from '../src/charts/scale';
import { between, range } from '../src/format/range';
import { byExposure } from '../src/machines/ports';
import { csv, fitting, nextSort, sorted, sortOf, type Column } from '../src/table/columns';
import { moved, reveal, visibleRows } from '../src/table/window';

describe('window of rows', () => {
  test('a hundred thousand rows draw a screenful', () => {
    const part = visibleRows(100_000, 34, 340_000, 600);
    expect(part.last - part.first).toBeLessThan(40);
    expect(part.first).toBe(9992);
    expect(part.above + part.below + (part.last - part.first) * 34).toBe(3_400_000);
  });

  test('few rows are all drawn', () => {
    expect(visibleRows(3, 34, 0, 600)).toEqual({ first: 0, last: 3, above: 0, below: 0 });
    expect(visibleRows(0, 34, 900, 600)).toEqual({ first: 0, last: 0, above: 0, below: 0 });
  });

  test('a row out of sight is scrolled to, one in sight is left', () => {
    expect(reveal(0, 30, 100, 300)).toBe(0);
    expect(reveal(20, 30, 0, 300)).toBe(330);
    expect(reveal(5, 30, 0, 300)).toBeNull();
  });

  test('rows that arrive above do not move what is read', () => {
    const id = (row: string) => row;
    expect(moved(['a', 'b', 'c'], ['x', 'y', 'a', 'b', 'c'], id, 1)).toBe(2);
    expect(moved(['a', 'b', 'c'], ['a', 'c'], id, 1)).toBe(-1);
    expect(moved(['a'], ['z'], id, 0)).toBe(0);
  });
});

interface Row {
  name: string;
  size: number | null;
}
const COLUMNS: Column<Row>[] = [
  { id: 'name', label: 'Tên', sort: (row) => row.name, text: (row) => row.name },
  { id: 'size', label: 'Cỡ', sort: (row) => row.size, text: (row) => String(row.size ?? '') },
];

describe('columns', () => {
  const columns: Column<Row>[] = [
    { id: 'level', label: '', width: 130, giveWay: 1 },
    { id: 'shape', label: '', width: 34, insteadOf: 'level' },
    { id: 'title', label: '' },
    { id: 'agency', label: '', width: 180, giveWay: 2 },
  ];
  const ids = (width: number) => fitting(columns, width).map((column) => column.id);

  test('the least important give way until the rest can be read', () => {
    expect(ids(540)).toEqual(['level', 'title', 'agency']);
    expect(ids(539)).toEqual(['level', 'title']);
    expect(ids(359)).toEqual(['shape', 'title']);
    expect(ids(0)).toEqual(['shape', 'title']);
  });
});

describe('sorting', () => {
  const rows = [
    { name: 'Đông', size: 2 },
    { name: 'An', size: null },
    { name: 'máy 10', size: 10 },
    { name: 'máy 9', size: 1 },
  ];
  const names = (sort: string) => sorted(rows, COLUMNS, sortOf(sort), 'vi').map((row) => row.name);

  test('words sort as Vietnamese does, numbers in words as numbers', () => {
    expect(names('name')).toEqual(['An', 'Đông', 'máy 9', 'máy 10']);
  });

  test('what has no value comes last either way', () => {
    expect(names('size')).toEqual(['máy 9', 'Đông', 'máy 10', 'An']);
    expect(names('-size')).toEqual(['máy 10', 'Đông', 'máy 9', 'An']);
  });

  test('a third press gives the order of the collector back', () => {
    expect(nextSort(null, 'name')).toBe('name');
    expect(nextSort(sortOf('name'), 'name')).toBe('-name');
    expect(nextSort(sortOf('-name'), 'name')).toBeNull();
    expect(names('nothing')).toEqual(rows.map((row) => row.name));
  });
});

test('an exported file holds text, not formulas', () => {
  const text = csv(
    [
      { name: '=HYPERLINK("x")', size: 1 },
      { name: 'a,b\n"c"', size: null },
    ],
    COLUMNS,
  );
  expect(text).toBe('\ufeffTên,Cỡ\r\n"\'=HYPERLINK(""x"")",1\r\n"a,b\n""c""",\r\n');
});

describe('charts', () => {
  test('the top of a scale is round', () => {
    expect([0, 1, 3, 7, 72, 110].map(ceiling)).toEqual([1, 1, 4, 8, 80, 200]);
  });

  test('ticks are few and in range', () => {
    const ticks = timeTicks(0, 86_400_000, 8);
    expect(ticks.length).toBeLessThanOrEqual(9);
    expect(ticks.every((at) => at >= 0 && at <= 86_400_000)).toBe(true);
  });

  test('silence is a gap, not a line', () => {
    const at = (minute: number, value: number | null) => ({ at: minute * 60_000, value });
    const drawn = pieces([at(0, 1), at(1, 2), at(2, null), at(3, 3), at(4, 4), at(30, 5)]);
    expect(drawn.map((piece) => piece.length)).toEqual([2, 2, 1]);
    expect(pieces([])).toEqual([]);
  });
});

describe('ranges of time', () => {
  const NOW = Date.parse('2026-11-22T10:00:00Z');
  test('an exact range wins over a named one, a named one over the standard', () => {
    expect(range({ range: '1h', from: 'a', to: null }, '24h', NOW)).toEqual({
      from: 'a',
      to: null,
    });
    expect(range({ range: '1h', from: null, to: null }, '24h', NOW).from).toBe(
      '2026-11-22T09:00:00.000Z',
    );
    expect(range({ range: 'odd', from: null, to: null }, '24h', NOW).from).toBe(
      '2026-11-21T10:00:00.000Z',
    );
    expect(range({ range: null, from: null, to: null }, 'all', NOW)).toEqual({
      from: null,
      to: null,
    });
  });

  test('a range drawn backwards is a range, and never shorter than a minute', () => {
    expect(between(NOW + 90_000, NOW)).toEqual({
      from: '2026-11-22T10:00:00.000Z',
      to: '2026-11-22T10:01:30.000Z',
    });
    expect(between(NOW, NOW).to).toBe('2026-11-22T10:01:00.000Z');
  });
});

test('ports that anybody reaches come first, closed ones last', () => {
  const port = (number: number, scope: string, closed: string | null = null) =>
    ({ port: number, scope, closed_at: closed, transport: 'tcp', opened_at: '' }) as Port;
  const order = byExposure([
    port(1, 'loopback'),
    port(2, 'any', 'x'),
    port(443, 'any'),
    port(22, 'any'),
    port(3, 'lan'),
  ]);
  expect(order.map((one) => one.port)).toEqual([22, 443, 3, 1, 2]);
});
