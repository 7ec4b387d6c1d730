// What an alert was grouped by, such as an address or an account. Pure.

import type { AlertRow, FieldValue } from '../api/types';

/** These say least, so they stand last, where a narrow row is cut. */
const LAST = ['group.name', 'process.name', 'network.transport'];

/** Names and values, the telling ones first. */
export function subject(row: AlertRow): [name: string, value: string][] {
  return Object.entries(row.group)
    .sort(([a], [b]) => LAST.indexOf(a) - LAST.indexOf(b))
    .map(([name, value]) => [name, plainValue(value)]);
}

export function subjectLine(row: AlertRow): string {
  return subject(row)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ');
}

function plainValue(value: FieldValue): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}
