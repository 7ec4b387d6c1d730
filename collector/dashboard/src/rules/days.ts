// Days of the collector's clock (UTC) as moments. Pure.

/** Milliseconds of the beginning of each day; what is no date is left out. */
export function days(of: { date: string; count: number }[]): { at: number; count: number }[] {
  return of
    .map(({ date, count }) => ({ at: Date.parse(`${date.slice(0, 10)}T00:00:00Z`), count }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at);
}
