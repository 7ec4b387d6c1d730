// Lengths of time a saved hunt reaches back, as an address writes them. Pure.

import { SPANS } from '../format/range';
import type { Changes } from '../router/router.svelte';

/** The range of a saved hunt: one that has a name, or from then on until now. */
export function reaching(rangeS: number, now: number): Changes {
  const ms = rangeS * 1000;
  const named = Object.entries(SPANS).find(([, span]) => span === ms)?.[0];
  if (named) return { range: named, from: null, to: null };
  return {
    range: null,
    from: new Date(now - ms).toISOString(),
    to: new Date(now).toISOString(),
  };
}
