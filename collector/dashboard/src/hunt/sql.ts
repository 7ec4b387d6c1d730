// The parts of a SELECT, found without understanding it, so that a condition can be added and values
// be counted. Pure. The collector is what judges SQL.

import type { Scalar } from '../api/types';

/** Columns every file has; other names are fields, and stand in quotation marks. */
const FIXED = [
  ...['time', 'received', 'agency', 'host', 'agent', 'kind', 'product', 'category', 'service'],
  ...['raw', 'position', 'epoch', 'lane', 'sequence'],
];

export function named(field: string): string {
  return FIXED.includes(field) ? field : `"${field.replaceAll('"', '""')}"`;
}

export function literal(value: Scalar): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** `"user.name" = 'root'`, or that it is something else or nothing. */
export function condition(field: string, value: Scalar, out = false): string {
  if (value === null) return `${named(field)} IS ${out ? 'NOT ' : ''}NULL`;
  const is = `${named(field)} = ${literal(value)}`;
  return out ? `(${is}) IS NOT TRUE` : is;
}

interface Parts {
  /** Up to the condition. */
  head: string;
  where: string | null;
  /** From GROUP BY, HAVING, ORDER BY or LIMIT on. */
  tail: string;
}

// Whatever is in quotation marks or a comment is passed over as one.
const SIGNS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_]\w*|[()]|[\s\S]/g;
const TAIL = ['GROUP', 'HAVING', 'ORDER', 'LIMIT', 'OFFSET', 'WINDOW'];
const MORE = ['UNION', 'INTERSECT', 'EXCEPT', 'WITH'];

/** Without comments, which would hide what is written behind them, and without the last semicolon. */
function bare(sql: string): string {
  return sql
    .replace(SIGNS, (sign) => (/^(--|\/\*)/.test(sign) ? ' ' : sign))
    .replace(/;\s*$/, '')
    .trim();
}

/** The parts of one simple SELECT; null where it is more than that. */
export function parts(text: string): Parts | null {
  const sql = bare(text);
  let depth = 0;
  let where: [number, number] | null = null;
  let tail = sql.length;
  for (const found of sql.matchAll(SIGNS)) {
    const sign = found[0].toUpperCase();
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (depth > 0) continue;
    if (MORE.includes(sign)) return null;
    if (sign === 'WHERE' && !where) where = [found.index, found.index + sign.length];
    if (TAIL.includes(sign)) {
      tail = found.index;
      break;
    }
  }
  return {
    head: sql.slice(0, where ? where[0] : tail).trim(),
    where: where ? sql.slice(where[1], tail).trim() : null,
    tail: sql.slice(tail).trim(),
  };
}

/** The same question with one more condition. */
export function withCondition(sql: string, added: string): string | null {
  const of = parts(sql);
  if (!of) return null;
  const before = of.where && /\bOR\b/i.test(of.where) ? `(${of.where})` : of.where;
  const where = before ? `${before} AND ${added}` : added;
  return [of.head, `WHERE ${where}`, of.tail].filter((part) => part !== '').join(' ');
}

/** Whether a column of an answer is a field of the events, and not a name made for the answer. */
export function isField(column: string, sql: string): boolean {
  const name = column.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return /^[\w.@ -]+$/.test(column) && !new RegExp(`\\bAS\\s+"?${name}"?(?![\\w.])`, 'i').test(sql);
}

/** Counts the values of a field in the events that a question is about. */
export function topValues(sql: string, field: string, most: number): string | null {
  const of = parts(sql);
  if (!of || !/\bFROM\s+events$/i.test(of.head)) return null;
  const where = [of.where && `(${of.where})`, `${named(field)} IS NOT NULL`].filter(Boolean);
  return (
    `SELECT ${named(field)} AS value, count(*) AS events FROM events ` +
    `WHERE ${where.join(' AND ')} GROUP BY 1 ORDER BY 2 DESC LIMIT ${most}`
  );
}
