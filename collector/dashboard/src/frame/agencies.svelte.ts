// The agencies, known to the whole page.

import { agencies as api } from '../api/endpoints';
import type { Agency } from '../api/types';
import { below } from './tree';
import { router } from '../router/router.svelte';

class Agencies {
  all = $state.raw<Agency[]>([]);

  async load(): Promise<void> {
    try {
      this.all = (await api.list()).items;
    } catch {
      // The scope keeps showing what it knew; the pages themselves say what failed.
    }
  }

  /** The agency the page is limited to. */
  get chosen(): Agency | null {
    const id = router.get('agency');
    return this.all.find((agency) => String(agency.id) === id) ?? null;
  }

  /** It and those below it; all where the page is not limited. */
  get inScope(): Agency[] {
    return this.chosen ? below(this.all, this.chosen.id) : this.all;
  }
}

export const agencies = new Agencies();
