// What an exception can be made of: the fields of the event behind an alert.

import type { Condition, How } from '../api/triage';
import type { Alert, FieldValue } from '../api/types';

/** One value of one field that can be chosen. */
export interface Candidate {
  field: string;
  value: string;
  /** Whether the rule looked at it, or the alert is grouped by it. */
  telling: boolean;
}

const VALUE_MAX = 1024;
/** Who, where and what differ from alert to alert by nature: nobody's exception. */
const NEVER = /^(event\.(id|ingested|created)|@timestamp|process\.pid|log\.offset)$/;

export function candidates(alert: Alert): Candidate[] {
  const fields = alert.events[0]?.fields ?? {};
  const telling = new Set([
    ...alert.predicates.map((predicate) => predicate.field ?? ''),
    ...Object.keys(alert.group),
  ]);
  const found = Object.entries(fields).flatMap(([field, value]) =>
    texts(value).map((text) => ({ field, value: text, telling: telling.has(field) })),
  );
  return found
    .filter((one) => !NEVER.test(one.field) && !one.field.includes('|'))
    .sort((a, b) => Number(b.telling) - Number(a.telling) || a.field.localeCompare(b.field));
}

function texts(value: FieldValue): string[] {
  const all = Array.isArray(value) ? value : [value];
  return [...new Set(all.filter((one) => one !== null).map(String))].filter(
    (one) => one !== '' && [...one].length <= VALUE_MAX,
  );
}

/** How a value can be compared: networks are for addresses. */
export function hows(value: string): How[] {
  const all: How[] = ['equals', 'startswith', 'endswith', 'contains'];
  return isAddress(value) ? [...all, 'cidr'] : all;
}

export function isAddress(value: string): boolean {
  return (
    /^\d{1,3}(\.\d{1,3}){3}(\/\d+)?$/.test(value) || /^[0-9a-f:]+:[0-9a-f:.]*(\/\d+)?$/i.test(value)
  );
}

/** Compared another way, a value may have to be written another way. */
export function compared(condition: Condition, how: How): Condition {
  const value = condition.value;
  if (how === 'cidr' && !value.includes('/')) {
    const four = /^(\d+\.\d+\.\d+)\.\d+$/.exec(value);
    return { ...condition, how, value: four ? `${four[1]}.0/24` : `${value}/64` };
  }
  return { ...condition, how };
}
