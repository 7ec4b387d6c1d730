import { describe, expect, test } from 'vitest';
import { candidates, compared, hows } from '../src/alerts/exception';
import type { Technique } from '../src/api/triage';
import type { Alert } from '../src/api/types';
import { matrix } from '../src/tuning/matrix';

const alert = (fields: object, more: object = {}) =>
  ({ events: [{ fields }], predicates: [], group: {}, ...more }) as unknown as Alert;

describe('what an exception can be made of', () => {
  test('what the rule looked at stands first, and empty values are none', () => {
    const of = alert(
      { 'user.name': 'root', 'a.first': 'x', none: null, empty: '', 'source.ip': '10.0.0.9' },
      { predicates: [{ field: 'user.name' }], group: { 'source.ip': '10.0.0.9' } },
    );
    expect(candidates(of).map((one) => [one.field, one.telling])).toEqual([
      ['source.ip', true],
      ['user.name', true],
      ['a.first', false],
    ]);
  });

  test('values of a list stand by themselves, each once; numbers are texts', () => {
    const of = alert({ list: ['b', 'b', 'a'], port: 22, 'process.pid': 811, 'a|b': 'c' });
    expect(candidates(of).map((one) => one.value)).toEqual(['b', 'a', '22']);
  });

  test('networks are for addresses, and an address becomes one', () => {
    expect(hows('root')).not.toContain('cidr');
    expect(hows('2001:db8::7')).toContain('cidr');
    const of = { field: 'source.ip', how: 'equals', value: '10.1.2.3' } as const;
    expect(compared(of, 'cidr').value).toBe('10.1.2.0/24');
    expect(compared({ ...of, value: '2001:db8::7' }, 'cidr').value).toBe('2001:db8::7/64');
    expect(compared(of, 'startswith')).toEqual({ ...of, how: 'startswith' });
  });
});

test('a technique stands in those of its tactics that its rules name', () => {
  const technique = (id: string, ...tactics: string[]) => ({ id, tactics }) as Technique;
  const all = [
    technique('T1078', 'initial-access', 'persistence', 'impact'),
    technique('T1110.001', 'credential-access'),
    technique('T1021.004', 'credential-access'),
    technique('T1562', 'defense-impairment'),
    technique('T9998', 'execution'),
    technique('T9999'),
  ];
  expect(matrix(all).map((tactic) => [tactic.id, tactic.techniques.map((one) => one.id)])).toEqual([
    ['initial-access', ['T1078']],
    ['execution', ['T9998']],
    ['persistence', ['T1078']],
    ['defense-impairment', ['T1562']],
    ['credential-access', ['T1110.001']],
    ['lateral-movement', ['T1021.004']],
    ['', ['T9999']],
  ]);
  expect(matrix([])).toEqual([]);
});
