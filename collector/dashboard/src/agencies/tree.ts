// The tree of agencies as rows of a table.

import type { Agency } from '../api/types';

/** Vietnamese is found also when typed without marks. */
export function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/đ/gi, 'd').toLowerCase();
}

export interface TreeRow {
  agency: Agency;
  depth: number;
  /** Agencies right below it, as far as they are shown. */
  children: number;
  /** Of it and all below it. */
  machines: number;
  online: number;
  protected: number;
}

/** Deeper ones are not moved in any further. */
export const DEPTH_MAX = 8;

interface Shown {
  /** Past agencies too. */
  past: boolean;
  /** Only those with this in code or name, and the agencies above them. */
  find: string;
  /** Those whose inside is hidden. */
  folded: ReadonlySet<number>;
}

/** Rows in order, each agency before those below it. */
export function rows(all: Agency[], { past, find, folded }: Shown): TreeRow[] {
  const known = new Set(all.map((agency) => agency.id));
  const below = new Map<number | null, Agency[]>();
  for (const agency of all) {
    const above = agency.parent !== null && known.has(agency.parent) ? agency.parent : null;
    below.set(above, [...(below.get(above) ?? []), agency]);
  }
  const wanted = plain(find.trim());
  const made: TreeRow[] = [];
  const visited = new Set<number>();

  function put(agency: Agency, depth: number): TreeRow | null {
    if (visited.has(agency.id)) return null;
    visited.add(agency.id);
    const row: TreeRow = {
      agency,
      depth: Math.min(depth, DEPTH_MAX),
      children: 0,
      machines: agency.machines,
      online: agency.online,
      protected: agency.antivirus.protected,
    };
    const place = made.length;
    made.push(row);
    let isFound = wanted === '' || plain(`${agency.code} ${agency.name}`).includes(wanted);
    for (const child of below.get(agency.id) ?? []) {
      const inner = put(child, depth + 1);
      if (!inner) continue;
      row.machines += inner.machines;
      row.online += inner.online;
      row.protected += inner.protected;
      if (made.includes(inner)) {
        row.children += 1;
        isFound = true;
      }
    }
    if (!isFound || (!past && agency.until !== null)) made.splice(place);
    else if (wanted === '' && folded.has(agency.id)) made.splice(place + 1);
    return row;
  }

  for (const agency of below.get(null) ?? []) put(agency, 0);
  return made;
}

/** How much of the machines is protected; nothing of none. */
export function coverage(row: TreeRow): number | null {
  return row.machines > 0 ? row.protected / row.machines : null;
}
