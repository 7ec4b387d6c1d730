// What the state of an antivirus product means, in words.

import type { Antivirus, Fields, Scalar } from '../api/types';
import { meaning } from '../events/readable';
import { visibleText } from '../hostile/visible';
import { families } from '../i18n/families';
import { t, word } from '../i18n/i18n.svelte';

/** From here on the rules of sharing malware data count a machine as not updated. */
export const OUTDATED_DAYS = 15;

/** How old signatures are: a count of whole days, or today's. */
export function signaturesAge(days: number): string {
  const count = Math.floor(days);
  return count < 1 ? t('machine.today') : t('machine.days', { count });
}

/** Product, state and reasons in one line, for hovering over. */
export function why(antivirus: Antivirus): string {
  const age = antivirus.signatures_age_days;
  return [
    antivirus.product ? visibleText(antivirus.product) : null,
    word('antivirus', antivirus.state),
    ...antivirus.reasons.map((reason) => word('reason', reason)),
    age == null ? null : t('machine.signatures_age', { count: Math.floor(age) }),
  ]
    .filter((part) => part)
    .join(' · ');
}

/** What is claimed about a product, by whom, and when that was said. */
export interface Claim {
  name: string;
  label: string;
  text: string;
  /** A moment, shown with its age, in place of the text. */
  moment: string | null;
  source: string;
  at: string | null;
  worry: boolean;
}

const MOMENTS = ['signatures.time', 'updater.time', 'scan.time', 'licence.end'];
const WORRIES = ['off', 'passive', 'failing', 'infected', 'false'];
/** An updater that does not run all the time may be run by a timer, and not blocking is a choice. */
const NO_WORRIES = ['updater.running', 'realtime.blocking'];

/** The claims of a product in the order people ask about them, and the names of what nobody says. */
export function claims(product: Fields): { known: Claim[]; unknown: string[] } {
  const known: Claim[] = [];
  const unknown: string[] = [];
  for (const name of families.claim) {
    const field = `antivirus.${name}`;
    const value = product[field];
    const source = product[`${field}.source`];
    const label = word('claim', name);
    if (typeof source !== 'string' || value == null || Array.isArray(value)) {
      unknown.push(label);
      continue;
    }
    const at = product[`${field}.at`];
    known.push({
      name,
      label,
      text: said(field, name, value),
      moment: MOMENTS.includes(name) ? String(value) : null,
      source,
      at: typeof at === 'string' ? at : null,
      worry: isWorrying(product, name, String(value)),
    });
  }
  return { known, unknown };
}

function said(field: string, name: string, value: Scalar): string {
  if (name.endsWith('.running')) return word('avRuns', String(value));
  return meaning(field, value) ?? String(value);
}

function isWorrying(product: Fields, name: string, value: string): boolean {
  if (name === 'signatures.time') return Number(product['antivirus.signatures.age_days']) >= 7;
  if (name === 'licence.end') return Number(product['antivirus.licence.days_left']) < 0;
  return WORRIES.includes(value) && !NO_WORRIES.includes(name);
}
