// The keys of the queue.

import { typing } from '../ui/keys';

/** What can be asked for by key. */
export type Wish = 'acknowledge' | 'comment' | 'close' | 'exception';

export interface Moves {
  move: (step: number) => void;
  open: () => void;
  select: () => void;
  ask: (action: Wish) => void;
  help: () => void;
  leave: () => void;
}

const PAGE = 12;

export function act(event: KeyboardEvent, moves: Moves): void {
  if (event.key === 'Escape' && leaves(event)) return moves.leave();
  if (typing(event)) return;
  // A link or a button that has the focus keeps its Enter.
  const focused = (event.target as Element).closest?.('a, button, summary');
  const does: Record<string, () => void> = {
    j: () => moves.move(1),
    ArrowDown: () => moves.move(1),
    k: () => moves.move(-1),
    ArrowUp: () => moves.move(-1),
    PageDown: () => moves.move(PAGE),
    PageUp: () => moves.move(-PAGE),
    x: moves.select,
    a: () => moves.ask('acknowledge'),
    c: () => moves.ask('comment'),
    e: () => moves.ask('close'),
    n: () => moves.ask('exception'),
    '?': moves.help,
    ...(focused ? {} : { Enter: moves.open, ' ': moves.select }),
  };
  const found = does[event.key];
  if (!found) return;
  event.preventDefault();
  found();
}

/** Esc in a field leaves the field first; in a dialog or a menu it closes that. */
function leaves(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || document.querySelector('dialog[open]')) return false;
  if (!typing(event)) return true;
  (event.target as HTMLElement).blur();
  return false;
}
