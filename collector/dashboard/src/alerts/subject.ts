// What an alert was grouped by, such as an address or an account. Pure.

import type { AlertRow, FieldValue } from '../api/types';

/** Says least, so it stands last, where a narrow row is cut. */
const LAST = ['network.transport'];

/** Names and values, the telling ones first. */
export function subject(row: AlertRow): [name: string, value: string][] {
  return Object.entries(row.group)
    .sort(([a], [b]) => Number(LAST.includes(a)) - Number(LAST.includes(b)))
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
