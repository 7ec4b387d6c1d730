import { describe, expect, test } from 'vitest';
import { lines, worst } from '../src/antivirus/matrix';
import type { Agency } from '../src/api/types';
import { dayTicks } from '../src/charts/days';
import { below, rows } from '../src/frame/tree';
import { key, named } from '../src/ports/named';
import { added, rate } from '../src/wall/rate';

function agency(id: number, parent: number | null, machines: number, good: number): Agency {
  return {
    id,
    parent,
    from: '2020-01-01',
    until: null,
    version: 1,
    code: `A${id}`,
    name: `Xã ${id}`,
    machines,
    online: 0,
    antivirus_coverage: null,
    antivirus: {
      protected: good,
      weak: machines - good,
      unprotected: 0,
      unknown: 0,
      coverage: null,
      weak_reasons: [],
      without_agent: id === 4 ? 3 : null,
    },
  };
}

/** 1 above 2 and 3, 3 above 4. */
const TREE = [agency(1, null, 1, 1), agency(2, 1, 10, 9), agency(3, 1, 5, 5), agency(4, 3, 20, 10)];

describe('the tree of agencies', () => {
  test('an agency has all below it, once, also in a circle', () => {
    const ids = (top: number) => below(TREE, top).map((one) => one.id);
    expect(ids(1)).toEqual([1, 2, 3, 4]);
    expect(ids(3)).toEqual([3, 4]);
    expect(ids(9)).toEqual([]);
    const circle = [agency(1, 2, 0, 0), agency(2, 1, 0, 0)];
    expect(below(circle, 1).map((one) => one.id)).toEqual([1, 2]);
  });

  test('a table shows what is directly below, past a single agency at the top', () => {
    const ids = (all: Agency[], chosen: number | null) => rows(all, chosen).map((one) => one.id);
    expect(ids(TREE, null)).toEqual([2, 3]);
    expect(ids(TREE, 3)).toEqual([4]);
    expect(ids(TREE, 4)).toEqual([]);
    expect(ids(TREE.slice(1), null)).toEqual([2, 3]);
    expect(ids(TREE.slice(0, 1), null)).toEqual([1]);
  });
});

describe('coverage by agency', () => {
  test('figures are those of an agency with all below it, the worst first', () => {
    const shown = lines(TREE, null).sort(worst);
    expect(shown.map((line) => [line.agency.id, line.machines, line.protected])).toEqual([
      [3, 25, 15],
      [2, 10, 9],
    ]);
    expect(shown.map((line) => [line.leads, line.without_agent])).toEqual([
      [true, 3],
      [false, null],
    ]);
  });

  test('the machines of the chosen agency itself are not lost', () => {
    const shown = lines(TREE, 3);
    expect(shown.map((line) => [line.agency.id, line.machines])).toEqual([
      [3, 5],
      [4, 20],
    ]);
  });
});

describe('a rate', () => {
  test('needs two readings some seconds apart', () => {
    expect(rate([])).toBeNull();
    expect(rate([{ at: 0, count: 5 }])).toBeNull();
    expect(
      rate([
        { at: 0, count: 5 },
        { at: 1000, count: 9 },
      ]),
    ).toBeNull();
    expect(
      rate([
        { at: 0, count: 5 },
        { at: 10_000, count: 105 },
      ]),
    ).toBe(10);
  });

  test('forgets what is old, and begins anew where a count fell', () => {
    const first = added([], { at: 0, count: 100 });
    expect(added(first, { at: 400_000, count: 200 })).toEqual([{ at: 400_000, count: 200 }]);
    expect(added(first, { at: 1000, count: 3 })).toEqual([{ at: 1000, count: 3 }]);
    expect(added(first, { at: 1000, count: 130 })).toHaveLength(2);
  });
});

test('days get as many labels as there is room for, today among them', () => {
  expect(dayTicks(90, 5)).toEqual([17, 35, 53, 71, 89]);
  expect(dayTicks(3, 5)).toEqual([0, 1, 2]);
  expect(dayTicks(0, 5)).toEqual([]);
});

test('a port in an address is the port again, whatever its program is called', () => {
  for (const executable of ['', '/usr/sbin/sshd', '/tmp/a|b|c']) {
    const port = { transport: 'tcp', scope: 'any', port: 22, executable };
    expect(named(key(port))).toEqual(port);
  }
  for (const bad of [null, '', 'tcp', 'tcp|any|x|', 'tcp||22|']) expect(named(bad)).toBeNull();
});
