// How fast a count grows, from readings of it. Pure.

export interface Reading {
  at: number;
  count: number;
}

/** Readings this close say little about the rate. */
const LEAST_MS = 5_000;
/** Older readings say nothing about now. */
const MOST_MS = 5 * 60_000;

/** The readings to keep; a count that fell began anew. */
export function added(readings: Reading[], next: Reading): Reading[] {
  const last = readings.at(-1);
  if (last && next.count < last.count) return [next];
  return [...readings.filter((one) => one.at > next.at - MOST_MS), next];
}

/** Per second over the readings; null while there are too few. */
export function rate(readings: Reading[]): number | null {
  const first = readings[0];
  const last = readings.at(-1);
  if (!first || !last || last.at - first.at < LEAST_MS) return null;
  return (1000 * (last.count - first.count)) / (last.at - first.at);
}
