import { describe, expect, test } from 'vitest';
import { urgency } from '../src/archive/disk';
import { Lines } from '../src/api/lines';
import { cut } from '../src/hunt/place';
import { alone, around, fieldOf, filtered } from '../src/hunt/pivot';
import { asked, extra, moved, question, type Question } from '../src/hunt/question';
import { reaching } from '../src/hunt/spans';
import { condition, isField, parts, topValues, withCondition } from '../src/hunt/sql';
import { term, withTerm } from '../src/hunt/terms';
import { fromRow } from '../src/hunt/whole';
import { days } from '../src/rules/days';
import { lineOf } from '../src/rules/problem';

const of = (search: string) => question(new URLSearchParams(search));
const some = (change: Partial<Question> = {}): Question => ({
  text: 'failed',
  language: 'search',
  columns: null,
  limit: 1000,
  ...change,
});

describe('a question in an address', () => {
  test('nothing is asked until there is a text, and a star asks for everything', () => {
    expect(of('')).toBeNull();
    expect(of('q=*')).toEqual(some({ text: '' }));
    expect(asked({ text: '' })).toEqual({ q: '*' });
  });

  test('what is written is read again', () => {
    for (const one of [
      some(),
      some({ text: 'a AND "b c"', columns: ['time', 'user.name'], limit: 10_000 }),
      some({ text: 'SELECT 1', language: 'sql' }),
    ]) {
      const parameters = Object.entries(asked(one)).filter(([, value]) => value !== null);
      expect(question(new URLSearchParams(parameters as [string, string][]))).toEqual(one);
    }
  });

  test('limits nobody offers are not taken', () => {
    expect(of('q=a&limit=99999999')?.limit).toBe(1000);
  });

  test('only what an answer would lack is asked for', () => {
    expect(extra(some({ columns: ['time', 'user.name', 'text'] }))).toEqual(['user.name']);
    expect(extra(some({ columns: ['a'], language: 'sql' }))).toEqual([]);
  });

  test('columns move within the list and not out of it', () => {
    expect(moved(['a', 'b', 'c'], 'b', 1)).toEqual(['a', 'c', 'b']);
    expect(moved(['a', 'b', 'c'], 'a', -1)).toEqual(['a', 'b', 'c']);
    expect(moved(['a', 'b'], 'x', 1)).toEqual(['a', 'b']);
  });
});

describe('terms of the search box', () => {
  test('values are written so that they are read as they are', () => {
    const check = (field: string | null, value: string | number | boolean, expected: string) =>
      expect(term(field, value)).toBe(expected);
    check('user.name', 'root', 'user.name:=root');
    check('source.ip', '203.0.113.7', 'source.ip:=203.0.113.7');
    check('destination.port', 22, 'destination.port:22');
    check('Image', 'C:\\Windows\\cmd "x".exe', 'Image:="C:\\\\Windows\\\\cmd \\"x\\".exe"');
    check('host', 'web*', 'host:="web*"');
    check('user.name', 'OR', 'user.name:="OR"');
    check('user.name', '-x', 'user.name:="-x"');
    check(null, 'accepted password', '"accepted password"');
    check('odd name', 'x', 'x');
  });

  test('a term joins what was asked, whatever it was', () => {
    expect(withTerm('', 'a:b')).toBe('a:b');
    expect(withTerm('', 'a:b', true)).toBe('NOT a:b');
    expect(withTerm('x y', 'a:b')).toBe('x y AND a:b');
    expect(withTerm('x OR y', 'a:b', true)).toBe('(x OR y) AND NOT a:b');
  });
});

describe('parts of a SELECT', () => {
  test('conditions are found outside of quotes, comments and parentheses', () => {
    expect(
      parts(`SELECT "where", 'WHERE' FROM events WHERE (a = 'ORDER BY') -- LIMIT\n ORDER BY 1;`),
    ).toEqual({
      head: `SELECT "where", 'WHERE' FROM events`,
      where: `(a = 'ORDER BY')`,
      tail: 'ORDER BY 1',
    });
    expect(parts('SELECT 1 FROM events')).toEqual({
      head: 'SELECT 1 FROM events',
      where: null,
      tail: '',
    });
    expect(parts('SELECT a FROM events UNION SELECT b FROM events')).toBeNull();
    expect(parts('WITH x AS (SELECT 1) SELECT * FROM x')).toBeNull();
  });

  test('a condition is added where it belongs', () => {
    const added = condition('user.name', "O'Brien");
    expect(added).toBe(`"user.name" = 'O''Brien'`);
    expect(withCondition('SELECT * FROM events LIMIT 5', added)).toBe(
      `SELECT * FROM events WHERE ${added} LIMIT 5`,
    );
    expect(withCondition('SELECT * FROM events WHERE a = 1 OR b = 2', 'host = 1')).toBe(
      'SELECT * FROM events WHERE (a = 1 OR b = 2) AND host = 1',
    );
    expect(condition('host', null)).toBe('host IS NULL');
    expect(condition('EventID', 4625, true)).toBe('("EventID" = 4625) IS NOT TRUE');
  });

  test('names made for an answer are no fields', () => {
    const sql = 'SELECT source.ip, count(*) AS events, "user.name" AS "who.x" FROM events';
    expect(isField('source.ip', sql)).toBe(true);
    expect(isField('user.name', sql)).toBe(true);
    expect(isField('events', sql)).toBe(false);
    expect(isField('who.x', sql)).toBe(false);
    expect(isField('count(*)', sql)).toBe(false);
  });

  test('values are counted in the events that are asked about', () => {
    expect(
      topValues('SELECT time FROM events WHERE has_word($$) ORDER BY time LIMIT 9', 'user.name', 3),
    ).toBe(
      'SELECT "user.name" AS value, count(*) AS events FROM events ' +
        'WHERE (has_word($$)) AND "user.name" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 3',
    );
    expect(topValues('SELECT * FROM alerts', 'rule', 3)).toBeNull();
    expect(topValues('', 'rule', 3)).toBeNull();
  });
});

describe('where a value leads', () => {
  test('it is wanted or left out in the language of the question', () => {
    expect(filtered(some(), 'user.name', 'root', false)).toEqual({
      q: 'failed AND user.name:=root',
    });
    expect(filtered(some(), 'user.name', null, true)).toEqual({
      q: 'failed AND _exists_:user.name',
    });
    const sql = some({ text: 'SELECT * FROM events', language: 'sql' });
    expect(filtered(sql, 'host', 'pc', true)).toEqual({
      q: `SELECT * FROM events WHERE (host = 'pc') IS NOT TRUE`,
    });
    expect(filtered(sql, null, 'pc', false)).toBeNull();
  });

  test('a text column is looked for anywhere', () => {
    expect(fieldOf('text')).toBeNull();
    expect(alone(fieldOf('text'), 'a b')).toEqual({ q: '"a b"', lang: null });
  });

  test('a moment has five minutes on both sides', () => {
    expect(around('2026-11-22T10:00:00Z', 300_000)).toEqual({
      from: '2026-11-22T09:55:00.000Z',
      to: '2026-11-22T10:05:00.000Z',
    });
    expect(around('yesterday', 1)).toBeNull();
  });
});

describe('one event', () => {
  test('a row of all columns is an event; what is empty is left out', () => {
    const names = [
      'time',
      'host',
      'agent',
      'kind',
      'product',
      'raw',
      'position',
      'rest',
      'a.b',
      'c',
    ];
    const row = ['2026-11-22T10:00:00Z', 'pc', 'id', 'log', 'linux', null, 7, '{"x":1}', 'v', null];
    const columns = names.map((name) => ({ name, type: 'text' }));
    const event = fromRow(columns, row);
    expect(event.fields).toEqual({ 'a.b': 'v', x: 1 });
    expect(event.machine).toEqual({ id: 'id', hostname: 'pc' });
    expect([event.position, event.raw, event.logsource.product]).toEqual([7, null, 'linux']);
    expect(fromRow(columns, [...row.slice(0, 7), 'not JSON', null, null]).fields).toEqual({});
  });
});

describe('small parts', () => {
  test('lines come whole, however the stream is cut', () => {
    const text = '{"a":1}\n\n{"b":"é"}\n';
    for (let at = 0; at <= text.length; at += 1) {
      const lines = new Lines();
      expect([...lines.push(text.slice(0, at)), ...lines.push(text.slice(at))]).toEqual([
        '{"a":1}',
        '{"b":"é"}',
      ]);
    }
  });

  test('a place counts characters, not code units', () => {
    expect(cut('😀 AND )', 6)).toEqual({ before: '😀 AND ', wrong: ')', after: '' });
    expect(cut('a AND', 5)).toEqual({ before: 'a AND', wrong: '', after: '' });
    expect(cut('port:>x y', 6)).toEqual({ before: 'port:>', wrong: 'x', after: ' y' });
    expect(cut('a', null)).toBeNull();
  });

  test('a saved hunt reaches back from now', () => {
    expect(reaching(86_400, 0)).toEqual({ range: '24h', from: null, to: null });
    const now = Date.parse('2026-11-22T10:00:00Z');
    expect(reaching(7_200, now)).toEqual({
      range: null,
      from: '2026-11-22T08:00:00.000Z',
      to: '2026-11-22T10:00:00.000Z',
    });
  });

  test('the line of a draft that is wrong is found in what the collector says', () => {
    expect(lineOf('draft.yml:12:7: error: unknown modifier')).toBe(12);
    expect(lineOf('2 rules at once; the most are 1')).toBeNull();
  });

  test('days are in order, and what is no date is left out', () => {
    const at = Date.parse('2026-11-09T00:00:00Z');
    expect(
      days([
        { date: '2026-11-10', count: 2 },
        { date: 'soon', count: 9 },
        { date: '2026-11-09', count: 1 },
      ]),
    ).toEqual([
      { at, count: 1 },
      { at: at + 86_400_000, count: 2 },
    ]);
  });

  test('a disk whose trend nobody knows is not called good', () => {
    expect([null, 2, 7, 14, 41].map(urgency)).toEqual(['unknown', 'bad', 'bad', 'weak', 'good']);
  });
});
