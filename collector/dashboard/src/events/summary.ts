// One line that says what an event is about.

import type { EventView, FieldValue } from '../api/types';
import { t, type Key } from '../i18n/i18n.svelte';
import { told } from './readable';

const PORT = ['server.port', 'network.transport', 'server.ip', 'process.name', 'user.name'];

const TELLING: Record<string, string[]> = {
  'antivirus.status': ['antivirus.product', 'antivirus.state', 'antivirus.reasons'],
  'antivirus.detection': ['threat.name', 'file.path', 'antivirus.action'],
  'antivirus.selftest': ['antivirus.product', 'antivirus.selftest.caught'],
  'port.listening': PORT,
  'port.opened': PORT,
  'port.closed': PORT,
  'host.inventory': ['host.hostname', 'host.os.name', 'host.os.version', 'host.ip'],
  'host.heartbeat': ['host.cpu.usage', 'host.memory.used.bytes', 'host.disk.used.pct'],
  'log.anomaly': [
    'anomaly.kind',
    'anomaly.source',
    'anomaly.value',
    'template.text',
    'anomaly.seen',
    'anomaly.expected',
  ],
  'log.gap': ['log.gap.reason', 'log.gap.count'],
  'agent.started': ['agent.version'],
  'agent.stopped': ['agent.stop.reason'],
  'agent.silent': ['host.hostname', 'agent.last_heard'],
  'agent.sensor_failed': ['agent.sensor', 'error.message'],
  'rule.parked': ['rule.name', 'rule.parked.event'],
  'archive.damaged': ['file.path', 'archive.reason', 'archive.events'],
  'archive.disk': ['archive.full_in_days', 'archive.free_bytes'],
  'rule.evicted': ['rule.name', 'agency.code', 'rule.evicted.count'],
  'exception.expiring': ['exception.id', 'exception.owner', 'exception.until'],
};

/** Figures that mean nothing without a name. */
const LABELS: Record<string, Key> = {
  'host.cpu.usage': 'column.cpu',
  'host.memory.used.bytes': 'column.memory',
  'host.disk.used.pct': 'column.disk',
};

/** The line itself, or the fields that tell most. */
export function summary(event: EventView): string {
  if (event.raw) return event.raw;
  const names = TELLING[event.kind] ?? Object.keys(event.fields).slice(0, 4);
  return names
    .map((name) => labelled(name, told(name, event.fields)))
    .filter((text) => text !== '')
    .join(' · ');
}

function labelled(field: string, text: string): string {
  const label = text === '' ? undefined : LABELS[field];
  return label ? `${t(label)} ${text}` : text;
}

export function plain(value: FieldValue | undefined): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.map(String).join(', ') : String(value);
}
