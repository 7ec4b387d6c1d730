import { describe, expect, test } from 'vitest';
import { subject, subjectLine } from '../src/alerts/subject';
import type { AlertRow, EventView } from '../src/api/types';
import { runs } from '../src/events/runs';
import { fitting } from '../src/table/columns';

const row = (group: AlertRow['group']) => ({ group }) as AlertRow;
const event = (kind: string, position: number) => ({ kind, position }) as EventView;

describe('what an alert was grouped by', () => {
  test('what says least stands last', () => {
    const of = row({ 'network.transport': 'tcp', 'process.name': 'nc', 'server.port': 40123 });
    expect(subjectLine(of)).toBe('server.port 40123 · process.name nc · network.transport tcp');
  });

  test('lists and nothing at all are told', () => {
    expect(subject(row({ 'user.name': ['an', 'binh'] }))).toEqual([['user.name', 'an, binh']]);
    expect(subjectLine(row({}))).toBe('');
  });
});

describe('rows of heartbeats', () => {
  const kinds = (events: EventView[]) => runs(events).map((run) => run.map((one) => one.position));

  test('a long one stands together, what happened between splits it', () => {
    const beat = 'host.heartbeat';
    const events = [beat, beat, beat, 'log', beat, beat, 'log', 'log', 'log'].map(event);
    expect(kinds(events)).toEqual([[0, 1, 2], [3], [4], [5], [6], [7], [8]]);
  });

  test('no events are no runs', () => {
    expect(runs([])).toEqual([]);
  });
});

test('a column that is for files only is never drawn', () => {
  const shown = fitting(
    [
      { id: 'name', label: '' },
      { id: 'agency', label: '', exportOnly: true },
      { id: 'unit', label: '', least: 180 },
    ],
    5000,
  );
  expect(shown.map((column) => column.id)).toEqual(['name', 'unit']);
});
