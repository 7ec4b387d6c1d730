// Which rows of a long table are drawn. Pure.

export interface Window {
  first: number;
  last: number;
  above: number;
  below: number;
}

const SPARE = 8;

/** The rows to draw for a place scrolled to, and the empty heights above and below them. */
export function visibleRows(
  count: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
): Window {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / rowHeight) - SPARE));
  const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + SPARE);
  return { first, last, above: first * rowHeight, below: Math.max(0, count - last) * rowHeight };
}

/** Where to scroll so that a row is wholly seen under the header; null where it already is. */
export function reveal(
  index: number,
  rowHeight: number,
  scrollTop: number,
  height: number,
): number | null {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return null;
}

/** How far rows that stay have moved, so that a person reading further down does not lose the line. */
export function moved<T>(before: T[], after: T[], id: (row: T) => string, first: number): number {
  const places = new Map(after.map((row, index) => [id(row), index]));
  for (let index = first; index < Math.min(before.length, first + 40); index += 1) {
    const place = places.get(id(before[index] as T));
    if (place !== undefined) return place - index;
  }
  return 0;
}
