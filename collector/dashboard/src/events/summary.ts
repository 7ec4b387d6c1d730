// One line that says what an event is about. Pure.

import type { EventView, FieldValue } from '../api/types';

const TELLING: Record<string, string[]> = {
  'antivirus.status': ['antivirus.product', 'antivirus.state', 'antivirus.reasons'],
  'antivirus.detection': ['threat.name', 'file.path', 'antivirus.action'],
  'port.listening': ['network.transport', 'server.ip', 'server.port', 'process.name'],
  'port.opened': ['network.transport', 'server.ip', 'server.port', 'process.name'],
  'port.closed': ['network.transport', 'server.ip', 'server.port', 'process.name'],
  'host.inventory': ['host.hostname', 'host.os.name', 'host.os.version', 'host.ip'],
  'log.gap': ['log.gap.reason', 'log.gap.count'],
  'agent.started': ['agent.version'],
  'agent.stopped': ['agent.stop.reason'],
  'agent.silent': ['host.hostname', 'agent.last_heard'],
  'agent.sensor_failed': ['agent.sensor', 'error.message'],
};

/** The line itself, or the fields that tell most. */
export function summary(event: EventView): string {
  if (event.raw) return event.raw;
  const names = TELLING[event.kind] ?? Object.keys(event.fields).slice(0, 4);
  return names
    .map((name) => plain(event.fields[name]))
    .filter((text) => text !== '')
    .join(' · ');
}

export function plain(value: FieldValue | undefined): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.map(String).join(', ') : String(value);
}
