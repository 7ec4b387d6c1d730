// The keys of a list: j and k move, Enter opens, x selects.

import { typing } from '../ui/keys';

export interface Rows {
  ids: string[];
  current: string | null;
  move: (id: string) => void;
  open: (id: string) => void;
  select?: (id: string) => void;
}

export function rowKeys(event: KeyboardEvent, rows: Rows): void {
  if (event.defaultPrevented || typing(event)) return;
  const at = rows.current === null ? -1 : rows.ids.indexOf(rows.current);
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step !== undefined) {
    const next = rows.ids[Math.max(0, Math.min(rows.ids.length - 1, at + step))];
    if (next === undefined) return;
    event.preventDefault();
    rows.move(next);
    return;
  }
  const current = at < 0 ? undefined : rows.ids[at];
  // A link or a button that has the focus keeps its Enter.
  const focused = (event.target as Element).closest?.('a, button, summary');
  if (current === undefined || focused) return;
  if (event.key === 'Enter') rows.open(current);
  else if (event.key === 'x' && rows.select) rows.select(current);
  else return;
  event.preventDefault();
}
