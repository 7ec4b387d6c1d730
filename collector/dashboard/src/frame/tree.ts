// The tree of agencies. Pure.

interface Node {
  id: number;
  parent: number | null;
}

/** An agency and all below it. */
export function below<T extends Node>(all: T[], top: number): T[] {
  const children = new Map<number | null, T[]>();
  for (const one of all) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const found = all.filter((one) => one.id === top);
  const seen = new Set([top]);
  for (let at = 0; at < found.length; at += 1) {
    for (const child of children.get(found[at]?.id ?? null) ?? []) {
      if (!seen.has(child.id)) found.push(child);
      seen.add(child.id);
    }
  }
  return found;
}

/** What a table of agencies shows: those directly below the one chosen, or the highest ones; where
 *  there is a single one at the top, those below that. */
export function rows<T extends Node>(all: T[], chosen: number | null): T[] {
  const known = new Set(all.map((one) => one.id));
  const of = (parent: number) => all.filter((one) => one.parent === parent);
  if (chosen !== null) return of(chosen);
  const tops = all.filter((one) => one.parent === null || !known.has(one.parent));
  const only = tops.length === 1 ? tops[0] : undefined;
  const children = only ? of(only.id) : [];
  return children.length > 0 ? children : tops;
}
