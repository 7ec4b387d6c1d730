// Columns of an answer, as the table draws them.

import type { HuntColumn, HuntRow } from '../api/hunts';
import type { FieldValue } from '../api/types';
import { plain } from '../events/summary';
import { t } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';
import { USUAL, type Question } from './question';

/** A row and its place in the answer. */
export interface Placed {
  index: number;
  cells: HuntRow;
}

export function isTime(column: HuntColumn): boolean {
  return /time|date/i.test(column.type) || column.name === 'time' || column.name === 'received';
}

function isNumber(column: HuntColumn): boolean {
  return /int|float|double|decimal|number/i.test(column.type);
}

const WIDTHS: Record<string, number> = { host: 150, kind: 136, agency: 100, position: 100 };

function width(column: HuntColumn): number {
  return WIDTHS[column.name] ?? (isTime(column) ? 168 : isNumber(column) ? 120 : 180);
}

/** What a column is called: ours in the language chosen, fields as they are. */
export function label(name: string): string {
  switch (name) {
    case 'time':
      return t('column.time');
    case 'host':
      return t('column.machine');
    case 'kind':
      return t('column.kind');
    case 'agency':
      return t('column.agency');
    case 'text':
      return t('column.text');
    default:
      return name;
  }
}

/** The columns that are shown, in their order. */
export function shown(question: Question, columns: HuntColumn[]): string[] {
  if (question.columns) return question.columns;
  const names = columns.map((column) => column.name);
  if (question.language === 'search') return USUAL;
  return names.includes('position') && names.length > 1
    ? names.filter((name) => name !== 'position')
    : names;
}

/** As the table draws them; the last text column takes what is left. */
export function drawn(names: string[], columns: HuntColumn[]): Column<Placed>[] {
  const found = names.flatMap((name) => {
    const at = columns.findIndex((column) => column.name === name);
    const column = columns[at];
    return column ? [{ column, at }] : [];
  });
  const rest =
    found.find(({ column }) => column.name === 'text') ??
    found.findLast(({ column }) => !isTime(column) && !isNumber(column)) ??
    found.at(-1);
  return found.map((one) => ({
    id: one.column.name,
    label: label(one.column.name),
    ...(one === rest ? { least: 240 } : { width: width(one.column) }),
    numeric: isNumber(one.column),
    sort: (row) => sortable(row.cells[one.at]),
  }));
}

function sortable(value: FieldValue | undefined): string | number | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'number' ? value : plain(value);
}
