// The order of ports: open before closed, reachable from far before near, then by number. Pure.

import type { Port } from '../api/types';

const REACH: Record<string, number> = { any: 0, lan: 1, loopback: 2 };

export function byExposure(ports: Port[]): Port[] {
  return [...ports].sort(
    (a, b) =>
      Number(a.closed_at !== null) - Number(b.closed_at !== null) ||
      (REACH[a.scope] ?? 3) - (REACH[b.scope] ?? 3) ||
      a.port - b.port ||
      a.transport.localeCompare(b.transport) ||
      b.opened_at.localeCompare(a.opened_at),
  );
}
