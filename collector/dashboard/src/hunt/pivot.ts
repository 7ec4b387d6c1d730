// Where one value leads to. Pure but for the addresses.

import type { Scalar } from '../api/types';
import type { Changes } from '../router/router.svelte';
import { asked, type Question } from './question';
import { condition, withCondition } from './sql';
import { term, withTerm } from './terms';

/** Columns that hold a machine's name. */
const HOSTS = ['host', 'host.hostname', 'Computer', 'agent'];
/** Columns that are made for the answer: a value of theirs is looked for anywhere. */
const MADE = ['text', 'raw', 'message'];

/** The field as a query may name it. */
export function fieldOf(column: string): string | null {
  return MADE.includes(column) ? null : column;
}

export function isHost(field: string | null): boolean {
  return field !== null && HOSTS.includes(field);
}

/** The question with this value wanted or left out; null where it cannot be said. */
export function filtered(
  of: Question,
  field: string | null,
  value: Scalar,
  out: boolean,
): Changes | null {
  if (of.language === 'search') {
    if (value === null) return field === null ? null : exists(of, field, out);
    return asked({ text: withTerm(of.text, term(field, value), out) });
  }
  const text = field === null ? null : withCondition(of.text, condition(field, value, out));
  return text === null ? null : asked({ text });
}

/** Wanting nothing there is leaving out whatever has it. */
function exists(of: Question, field: string, out: boolean): Changes {
  return asked({ text: withTerm(of.text, `_exists_:${field}`, !out) });
}

/** A hunt for this value alone. */
export function alone(field: string | null, value: Scalar): Changes {
  return asked({ text: term(field, value ?? ''), language: 'search' });
}

/** So many milliseconds before and after a moment. */
export function around(at: string, ms: number): { from: string; to: string } | null {
  const moment = Date.parse(at);
  if (Number.isNaN(moment)) return null;
  return {
    from: new Date(moment - ms).toISOString(),
    to: new Date(moment + ms).toISOString(),
  };
}

/** Events of one machine, as a search asks for them. */
export function ofMachine(hostname: string): string {
  return term('host', hostname);
}
