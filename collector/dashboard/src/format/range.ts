// Ranges of time as they stand in an address: `range=24h`, or `from` and `to` as RFC 3339.

export interface Range {
  from: string | null;
  to: string | null;
}

export const SPANS: Record<string, number> = {
  '1h': 3_600_000,
  '3h': 3 * 3_600_000,
  '24h': 24 * 3_600_000,
  '7d': 7 * 24 * 3_600_000,
  '30d': 30 * 24 * 3_600_000,
  '90d': 90 * 24 * 3_600_000,
  '365d': 365 * 24 * 3_600_000,
};

/** What to ask the collector for; no end means until now. */
export function range(
  address: { range: string | null; from: string | null; to: string | null },
  standard: string,
  now: number,
): Range {
  if (address.from || address.to) return { from: address.from, to: address.to };
  const span = SPANS[address.range ?? standard] ?? SPANS[standard];
  return { from: span ? new Date(now - span).toISOString() : null, to: null };
}

/** Whole seconds, in the order of time, at least a minute apart. */
export function between(one: number, other: number): { from: string; to: string } {
  const from = Math.floor(Math.min(one, other) / 1000) * 1000;
  const to = Math.max(Math.ceil(Math.max(one, other) / 1000) * 1000, from + 60_000);
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
