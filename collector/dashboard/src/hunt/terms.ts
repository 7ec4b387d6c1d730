// Terms of the search box. Pure.

import type { Scalar } from '../api/types';

const WORD = /^[\p{L}\p{N}_.@-]+$/u;
const FIELD = /^[\w.@-]+$/;
const OPERATORS = ['AND', 'OR', 'NOT'];

/** As the search box reads it: plain where it is one word, else in quotation marks. */
function value(of: Scalar): string {
  const text = String(of);
  const plain = WORD.test(text) && !OPERATORS.includes(text) && !text.startsWith('-');
  return plain ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** `field:=value`, which is just this value; the value anywhere where there is no field or its name
 *  cannot be written. */
export function term(field: string | null, of: Scalar): string {
  if (field === null || !FIELD.test(field)) return value(of);
  return typeof of === 'string' ? `${field}:=${value(of)}` : `${field}:${value(of)}`;
}

/** A search that also asks for it, or leaves it out. */
export function withTerm(text: string, added: string, out = false): string {
  const wanted = out ? `NOT ${added}` : added;
  const before = text.trim();
  if (before === '') return wanted;
  return `${/\bOR\b/.test(before) ? `(${before})` : before} AND ${wanted}`;
}
