// What an anomaly is about, in words. Pure but for the language.

import type { What } from '../api/pages';
import { word } from '../i18n/i18n.svelte';

export const KINDS = [
  'new_template',
  'returned_template',
  'rate_spike',
  'rate_drop',
  'source_silent',
  'first_seen',
  'failure_burst',
] as const;

export function kind(what: What): string {
  return word('anomaly', what['anomaly.kind'] ?? '');
}

/** What was seen for the first time, where it is about that. */
export function field(what: What): string {
  const field = what['anomaly.field'];
  return field ? word('anomalyField', field) : '';
}

/** The value or the template that was unusual; an agent wrote it. */
export function subject(what: What): string {
  return what['anomaly.value'] ?? what['template.text'] ?? '';
}
