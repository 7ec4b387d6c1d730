// Heartbeats come every 15 seconds and would drown what happened: a row of them is told as one. Pure.

import type { EventView } from '../api/types';

const DROWNING = 'host.heartbeat';
const SHORTEST = 3;

/** The events in their order; those of a long row of heartbeats stand together. */
export function runs(events: EventView[]): EventView[][] {
  const found: EventView[][] = [];
  for (const event of events) {
    const last = found.at(-1);
    if (last && event.kind === DROWNING && last[0]?.kind === DROWNING) last.push(event);
    else found.push([event]);
  }
  return found.flatMap((run) => (run.length >= SHORTEST ? [run] : run.map((event) => [event])));
}
