import { describe, expect, test } from 'vitest';
import { coverage, plain, rows } from '../src/agencies/tree';
import type { Agency } from '../src/api/types';

function agency(
  id: number,
  code: string,
  parent: number | null,
  until: string | null = null,
): Agency {
  const antivirus = {
    protected: 1,
    weak: 0,
    unprotected: 1,
    unknown: 0,
    coverage: 0.5,
    weak_reasons: [],
    without_agent: null,
  };
  const name = `Xã ${code}`;
  const own = { machines: 2, online: 1, antivirus_coverage: 0.5, antivirus };
  return { id, code, name, parent, from: '', until, version: 1, ...own };
}

const TREE = [
  agency(1, 'TINH', null),
  agency(2, 'Đông', 1),
  agency(3, 'TAY', 1),
  agency(4, 'CU', 2, '2025-07-01'),
  agency(5, 'A', 3),
];
const NOTHING = { past: false, find: '', folded: new Set<number>() };
const codes = (of: Parameters<typeof rows>[1]) => rows(TREE, of).map((row) => row.agency.code);

describe('the tree of agencies', () => {
  test('each stands before those below it, with the sums of all of them', () => {
    const made = rows(TREE, NOTHING);
    expect(made.map((row) => [row.agency.code, row.depth, row.machines])).toEqual([
      ['TINH', 0, 10],
      ['Đông', 1, 4],
      ['TAY', 1, 4],
      ['A', 2, 2],
    ]);
    expect(coverage(made[0]!)).toBe(0.5);
  });

  test('past ones are shown when asked for, and folded ones hide what is below', () => {
    expect(codes({ ...NOTHING, past: true })).toEqual(['TINH', 'Đông', 'CU', 'TAY', 'A']);
    expect(codes({ ...NOTHING, folded: new Set([3]) })).toEqual(['TINH', 'Đông', 'TAY']);
  });

  test('what is looked for is found without marks, below those above it', () => {
    expect(codes({ ...NOTHING, find: 'dong' })).toEqual(['TINH', 'Đông']);
    expect(codes({ ...NOTHING, find: 'xa a', folded: new Set([1]) })).toEqual(['TINH', 'TAY', 'A']);
    expect(codes({ ...NOTHING, find: 'none' })).toEqual([]);
    expect(plain('Đồng Tháp')).toBe('dong thap');
  });

  test('a circle, and an agency below one that cannot be seen, end', () => {
    const odd = [agency(1, 'X', 9), agency(2, 'Y', 3), agency(3, 'Z', 2)];
    expect(rows(odd, NOTHING).map((row) => row.agency.code)).toEqual(['X']);
  });
});
