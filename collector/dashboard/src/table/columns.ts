// What a table is made of.

export interface Column<T> {
  id: string;
  label: string;
  /** Pixels; without it the column takes its share of what is left. */
  width?: number;
  /** What a column without a width needs to be read. */
  least?: number;
  /** When the table is too narrow, columns give way, the highest first; without it never. */
  giveWay?: number;
  /** Shown only where another column had to give way. */
  insteadOf?: string;
  numeric?: boolean;
  /** Never drawn: another column shows it too. It stands in exported files. */
  exportOnly?: boolean;
  /** Cannot be hidden by a person. */
  fixed?: boolean;
  /** What it is sorted by; without it the column cannot be sorted. */
  sort?: (row: T) => string | number | null;
  /** What goes into an exported file. */
  text?: (row: T) => string;
}

/** What a column without a width needs, unless it says otherwise, in pixels. */
const REST_MIN = 230;

/** The pixels that columns need to be read. */
export function needs<T>(columns: Column<T>[], taken = 0): number {
  return columns.reduce((sum, column) => sum + (column.width ?? column.least ?? REST_MIN), taken);
}

/** The columns there is room for. */
export function fitting<T>(columns: Column<T>[], width: number, taken = 0): Column<T>[] {
  const gone = new Set<string>();
  const shown = () =>
    columns.filter(
      (column) =>
        !column.exportOnly &&
        !gone.has(column.id) &&
        (!column.insteadOf || gone.has(column.insteadOf)),
    );
  const needed = () => needs(shown(), taken);
  const order = columns
    .filter((column) => column.giveWay !== undefined)
    .sort((a, b) => (b.giveWay ?? 0) - (a.giveWay ?? 0));
  for (const column of order) {
    if (needed() <= width) break;
    gone.add(column.id);
  }
  return shown();
}

export interface Sort {
  column: string;
  down: boolean;
}

/** Reads `name` or `-name` of an address. */
export function sortOf(text: string | null): Sort | null {
  if (!text) return null;
  return text.startsWith('-')
    ? { column: text.slice(1), down: true }
    : { column: text, down: false };
}

/** Up, down, then as the collector sends it. */
export function nextSort(sort: Sort | null, column: string): string | null {
  if (sort?.column !== column) return column;
  return sort.down ? null : `-${column}`;
}

/** The rows in the order asked for; rows without a value come last either way. */
export function sorted<T>(
  rows: T[],
  columns: Column<T>[],
  sort: Sort | null,
  language: string,
): T[] {
  const by = columns.find((column) => column.id === sort?.column)?.sort;
  if (!sort || !by) return rows;
  const collator = new Intl.Collator(language, { numeric: true });
  const sign = sort.down ? -1 : 1;
  return rows
    .map((row) => ({ row, value: by(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        return Number(a.value === null) - Number(b.value === null);
      }
      if (typeof a.value === 'number' && typeof b.value === 'number') {
        return sign * (a.value - b.value);
      }
      return sign * collator.compare(String(a.value), String(b.value));
    })
    .map((entry) => entry.row);
}

/** Rows as comma-separated values (RFC 4180) that a spreadsheet does not run as formulas. */
export function csv<T>(rows: T[], columns: Column<T>[]): string {
  const written = columns.filter((column) => column.text);
  const lines = [written.map((column) => cell(column.label))];
  for (const row of rows) lines.push(written.map((column) => cell(column.text?.(row) ?? '')));
  return `\ufeff${lines.map((line) => line.join(',')).join('\r\n')}\r\n`;
}

function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
