// Days of a chart. Pure.

export interface Series {
  label: string;
  /** A class of the chart: good, weak, bad, unknown, critical, … */
  tone: string;
}

export interface DayPoint {
  /** When the day begins, in milliseconds. */
  at: number;
  /** As many as there are series; null where nobody measured. */
  parts: number[] | null;
}

/** Which days get a label: at most so many, evenly, the last one among them. */
export function dayTicks(count: number, most: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(1, most)));
  const ticks: number[] = [];
  for (let index = count - 1; index >= 0; index -= every) ticks.push(index);
  // A label at the very edge would be cut.
  return ticks.reverse().filter((index) => count < 20 || (index > 0 && index < count));
}
