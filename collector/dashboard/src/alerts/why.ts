// How a matched condition of a rule is told. Words come from the catalogue.

import type { Predicate } from '../api/types';
import { parts, type Parts } from '../hostile/slice';
import { word } from '../i18n/i18n.svelte';

/** The condition in words, without its pattern. */
export function condition(of: Predicate): string {
  const names = of.modifiers.split('|').filter((name) => name !== '');
  const compares = names.some((name) => name !== 'cased' && name !== 'all');
  if (!compares) names.unshift(of.field === null ? 'keyword' : 'equals');
  return names.map((name) => word('modifier', name)).join(' · ');
}

/** Whether the pattern says nothing more than the value does. */
export function plain(of: Predicate): boolean {
  return of.value !== '' && of.value.toLowerCase() === of.pattern.toLowerCase();
}

/** Where no range is given the whole value matched, if it is the pattern itself. */
export function matched(of: Predicate): Parts | null {
  return (
    parts(of.value, of.start, of.end) ??
    (plain(of) ? { before: '', matched: of.value, after: '' } : null)
  );
}

/** What tells most first: which kind of event it was, everybody sees anyway. */
export function inOrder(all: Predicate[]): Predicate[] {
  return [...all].sort((a, b) => Number(a.field === 'kind') - Number(b.field === 'kind'));
}
