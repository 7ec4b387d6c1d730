// What the state of an antivirus product means, in words.

import type { Antivirus } from '../api/types';
import { visibleText } from '../hostile/visible';
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
