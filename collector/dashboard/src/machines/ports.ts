// The order of ports: open before closed, reachable from far before near, then by number. Pure.

import type { Port } from '../api/types';

const REACH: Record<string, number> = { any: 0, lan: 1, namespace: 2, loopback: 3 };

export function byExposure(ports: Port[]): Port[] {
  return [...ports].sort(
    (a, b) =>
      Number(a.closed_at !== null) - Number(b.closed_at !== null) ||
      (REACH[a.scope] ?? 4) - (REACH[b.scope] ?? 4) ||
      a.port - b.port ||
      a.transport.localeCompare(b.transport) ||
      b.opened_at.localeCompare(a.opened_at),
  );
}

/** Whether others can reach it, where its agent says so. Nobody is meant to reach loopback. */
export function reach(port: Port): string | null {
  const said = port.fields['port.reachable'];
  return typeof said === 'string' && port.scope !== 'loopback' ? said : null;
}

/** From where alone it can be reached; empty where from anywhere. */
export function narrowed(port: Port): string {
  const from = port.fields['port.reachable.from'];
  if (!Array.isArray(from) || from.includes('any')) return '';
  return from.map(String).join(', ');
}
