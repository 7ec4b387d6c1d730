// How long to wait before the next attempt.

const FIRST_MS = 500;
const LAST_MS = 15_000;

/** Doubles up to 15 s; `chance` (0..1) spreads a hundred browsers after a restart of the collector. */
export function waitMs(attempt: number, chance: number): number {
  const full = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full * (0.5 + chance / 2));
}
