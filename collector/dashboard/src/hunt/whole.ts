// One event in full. Who may only hunt reads it by a hunt, which knows whose events they may see.

import { ApiError } from '../api/client';
import { hunts, type HuntColumn, type HuntRow } from '../api/hunts';
import type { EventView, Fields, FieldValue } from '../api/types';

/** Columns of the archive that are no fields. */
const FIXED = [
  ...['time', 'received', 'agency', 'host', 'agent', 'kind', 'product', 'category', 'service'],
  ...['raw', 'position', 'epoch', 'lane', 'sequence', 'rest', 'unknown', 'everything'],
];

/** The event at a position; `bounds` is where a hunt would find it. */
export async function whole(
  position: string,
  bounds: { from: string; to: string } | null,
  signal: AbortSignal,
): Promise<EventView> {
  try {
    return await hunts.event(position, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403 || !bounds) throw error;
    return await hunted(position, bounds, signal);
  }
}

async function hunted(
  position: string,
  bounds: { from: string; to: string },
  signal: AbortSignal,
): Promise<EventView> {
  // Only digits ever stand in an address that leads here; anything else finds nothing.
  const query = `SELECT * FROM events WHERE position = ${/^\d+$/.test(position) ? position : -1} LIMIT 1`;
  let columns: HuntColumn[] = [];
  let row: HuntRow | undefined;
  await hunts.run({ query, language: 'sql', ...bounds }, signal, (line) => {
    if (line.type === 'begin') columns = line.columns;
    if (line.type === 'rows') row ??= line.rows[0];
    if (line.type === 'error') throw new ApiError(422, line.title, line.detail);
  });
  if (!row) throw new ApiError(404, '', '');
  return fromRow(columns, row);
}

/** A row of all columns as an event. Pure. */
export function fromRow(columns: HuntColumn[], row: HuntRow): EventView {
  const cells: Fields = Object.fromEntries(
    columns.map((column, at): [string, FieldValue] => [column.name, row[at] ?? null]),
  );
  const text = (name: string) => (typeof cells[name] === 'string' ? String(cells[name]) : '');
  const given = Object.entries(cells).filter(
    ([name, value]) => !FIXED.includes(name) && value !== null,
  );
  return {
    position: Number(cells['position']),
    id: [text('agent'), cells['epoch'], cells['lane'], cells['sequence']].join('/'),
    received: text('received'),
    time: text('time'),
    kind: text('kind'),
    logsource: {
      product: text('product') || null,
      category: text('category') || null,
      service: text('service') || null,
    },
    fields: { ...Object.fromEntries(given), ...rest(text('rest')) },
    raw: text('raw') || null,
    machine: { id: text('agent'), hostname: text('host') },
  };
}

/** Fields that have no column of their own: a JSON object. */
function rest(json: string): Fields {
  try {
    const found = JSON.parse(json || '{}') as unknown;
    return found && typeof found === 'object' ? (found as Fields) : {};
  } catch {
    return {};
  }
}
