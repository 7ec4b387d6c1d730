// A hunt as it stands in an address: everything that decides what is shown, so that it can be sent
// to a colleague. Pure.

import type { HuntLanguage } from '../api/hunts';
import type { Changes } from '../router/router.svelte';

export interface Question {
  text: string;
  language: HuntLanguage;
  /** Shown, in this order; null for what the answer has. */
  columns: string[] | null;
  limit: number;
}

/** Columns every answer of a search has, as they are shown at first. */
export const USUAL = ['time', 'host', 'kind', 'text'];
/** Answered without being asked for. */
const GIVEN = [...USUAL, 'position'];

export const LIMITS = [1000, 10_000] as const;

/** In an address an empty text would be no text; everything is a star there. */
const EVERYTHING = '*';

/** What an address asks, or null where it asks nothing yet. */
export function question(query: URLSearchParams): Question | null {
  const text = query.get('q');
  if (text === null) return null;
  const columns = (query.get('cols') ?? '').split(',').filter((name) => name !== '');
  const limit = Number(query.get('limit'));
  return {
    text: text.trim() === EVERYTHING ? '' : text,
    language: query.get('lang') === 'sql' ? 'sql' : 'search',
    columns: columns.length > 0 ? columns : null,
    limit: LIMITS.find((one) => one === limit) ?? LIMITS[0],
  };
}

/** How an address asks it. */
export function asked(of: Partial<Question>): Changes {
  const changes: Changes = {};
  if (of.text !== undefined) changes['q'] = of.text.trim() === '' ? EVERYTHING : of.text;
  if (of.language) changes['lang'] = of.language === 'sql' ? 'sql' : null;
  if (of.columns !== undefined) changes['cols'] = written(of.columns);
  if (of.limit !== undefined) changes['limit'] = of.limit === LIMITS[0] ? null : String(of.limit);
  return changes;
}

function written(columns: string[] | null): string | null {
  return columns === null || columns.join() === USUAL.join() ? null : columns.join(',');
}

/** What is to be asked for besides what every answer has. */
export function extra(of: Question): string[] {
  if (of.language === 'sql') return [];
  return (of.columns ?? []).filter((name) => !GIVEN.includes(name));
}

/** `before` moved to the place of `at`, or the list as it is. */
export function moved(columns: string[], name: string, by: number): string[] {
  const at = columns.indexOf(name);
  const to = at + by;
  if (at < 0 || to < 0 || to >= columns.length) return columns;
  const rest = columns.filter((other) => other !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}
