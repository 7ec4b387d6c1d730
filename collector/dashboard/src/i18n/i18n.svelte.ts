// One catalogue, two languages, typed keys.

import { preferences } from '../preferences.svelte';
import { en } from './en';
import { vi, type Catalogue, type Key } from './vi';
import type { Family } from './families';
import { say, type Parameters } from './say';
import type { Text } from '../api/types';

export type { Key } from './vi';

const catalogues: Record<'vi' | 'en', Catalogue> = { vi, en };

/** A sentence of the catalogue in the language chosen; numbers are written as the language writes them. */
export function t(key: Key, parameters: Parameters = {}): string {
  return say(catalogues[preferences.language][key], parameters, preferences.language);
}

/** The word for a value the collector sends; a value we do not know is shown as it came. */
export function word(family: Family, value: string): string {
  const key = `${family}.${value}`;
  const found = (catalogues[preferences.language] as Record<string, Catalogue[Key]>)[key];
  return found === undefined ? value : say(found, {}, preferences.language);
}

/** A text of a rule in the language chosen, or in English where there is no other. */
export function of(text: Text): string {
  return (preferences.language === 'vi' && text.vi) || text.en;
}
