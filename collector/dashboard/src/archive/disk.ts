// How urgent a disk that fills up is. Pure.

import type { Tone } from '../ui/health';

/** A fortnight is told, a week is bad; a trend nobody knows is no good news. */
export function urgency(days: number | null): Tone {
  if (days === null) return 'unknown';
  if (days <= 7) return 'bad';
  return days <= 14 ? 'weak' : 'good';
}
