// What a value of an event means to a person, beside the value itself.

import type { Fields, Scalar } from '../api/types';
import { bytes, percent } from '../format/number';
import { duration, exact } from '../format/time';
import type { Family } from '../i18n/families';
import { families } from '../i18n/families';
import { word } from '../i18n/i18n.svelte';

/** Fields whose values are words of ours. */
const WORDS: Record<string, Family> = {
  kind: 'kind',
  'antivirus.state': 'antivirus',
  'antivirus.reasons': 'reason',
  'antivirus.realtime': 'realtime',
  'antivirus.realtime.blocking': 'realtime',
  'antivirus.tamper_protection': 'realtime',
  'antivirus.mode': 'avMode',
  'antivirus.updater.state': 'avUpdater',
  'antivirus.scan.result': 'avScan',
  'antivirus.selftest.caught': 'caught',
  'antivirus.selftest.by': 'caughtBy',
  'antivirus.selftest.reason': 'untested',
  'antivirus.action': 'avAction',
  'port.scope': 'scope',
  'agent.stop.reason': 'stop',
  'log.gap.reason': 'gap',
  'anomaly.kind': 'anomaly',
  'anomaly.field': 'anomalyField',
};

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** In words or in units a person reads, or null where the value speaks for itself. */
export function meaning(field: string, value: Scalar): string | null {
  const family = WORDS[field];
  if (family) return known(family, String(value)) ? word(family, String(value)) : null;
  if (typeof value === 'string') return INSTANT.test(value) ? exact(value) : null;
  if (typeof value !== 'number') return null;
  if (field.endsWith('.bytes')) return value >= 1024 ? bytes(value) : null;
  if (field.endsWith('.usage') || field.endsWith('.pct')) return percent(value, 1);
  if (field.endsWith('_us')) return duration(value / 1000);
  if (field.endsWith('_s')) return duration(value * 1000);
  return null;
}

/** The value as a line of a summary says it. */
export function told(field: string, fields: Fields): string {
  const value = fields[field];
  if (value === undefined || value === null) return '';
  const all = Array.isArray(value) ? value : [value];
  return all.map((one) => meaning(field, one) ?? String(one)).join(', ');
}

/** What a field is called, where it is one of ours that people ask about. */
export function fieldName(field: string): string | null {
  return known('field', field) ? word('field', field) : null;
}

function known(family: Family, value: string): boolean {
  return (families[family] as readonly string[]).includes(value);
}
