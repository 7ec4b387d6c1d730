// Where a query is wrong. Pure.

export interface Place {
  before: string;
  wrong: string;
  after: string;
}

/** A query cut at a place, which the collector counts in characters (code points), not in UTF-16.
 *  What is wrong is told to the end of its word. */
export function cut(query: string, position: number | null): Place | null {
  if (position === null) return null;
  const letters = [...query];
  const rest = letters.slice(position).join('');
  const length = /^[\p{L}\p{N}_.]+/u.exec(rest)?.[0].length ?? [...rest][0]?.length ?? 0;
  return {
    before: letters.slice(0, position).join(''),
    wrong: rest.slice(0, length),
    after: rest.slice(length),
  };
}
