// Arithmetic of charts. Pure.

/** A round number at or above `value`: 1, 2, 4, 5, 8 times a power of ten. */
export function ceiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 4, 5, 8, 10]) {
    if (step * power >= value) return step * power;
  }
  return 10 * power;
}

const TIME_STEPS = [
  1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 43_200,
].map((minutes) => minutes * 60_000);

/** Moments for the axis, on whole hours and days of the local clock. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const step =
    TIME_STEPS.find((size) => (to - from) / size <= most) ?? (TIME_STEPS.at(-1) as number);
  const zone = new Date(from).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** Half the width of a label: nearer to an edge it would be cut. */
const LABEL = 20;

/** The ticks whose labels fit between two edges. */
export function fitting(
  ticks: number[],
  x: (at: number) => number,
  left: number,
  right: number,
): number[] {
  return ticks.filter((at) => x(at) >= left + LABEL && x(at) <= right - LABEL);
}

export interface Point {
  at: number;
  value: number | null;
}

/** Quiet machines speak every ten minutes, busy ones more often: so much silence is no gap. */
export const QUIET_MS = 21 * 60_000;

/** Points in pieces: a gap is left where values are missing, or three times the usual step passes
 *  and more than `least`. */
export function pieces(points: Point[], least = 0): { at: number; value: number }[][] {
  const steps = points
    .slice(1)
    .map((point, index) => point.at - (points[index] as Point).at)
    .sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  const all: { at: number; value: number }[][] = [];
  let last: number | null = null;
  for (const { at, value } of points) {
    if (value === null) {
      last = null;
      continue;
    }
    if (last === null || at - last > Math.max(3 * usual, least)) all.push([]);
    all.at(-1)?.push({ at, value });
    last = at;
  }
  return all;
}
