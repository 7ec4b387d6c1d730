// Machines without an agent: how they are called, and the columns of their table.

import type { Neighbour } from '../api/types';
import { exact } from '../format/time';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';

/** What a person knows it by: its name, or its first address, or its hardware address. */
export function title(row: Neighbour): string {
  return row.name ?? row.ip[0] ?? row.mac;
}

/** What was said of it. */
function said(row: Neighbour): string {
  if (row.has_agent) return t('neighbour.has_agent');
  if (!row.decided) return '';
  return `${word('decision', row.decided.decision)}: ${row.decided.reason}`;
}

export function columns(): Column<Neighbour>[] {
  return [
    {
      id: 'neighbour',
      label: t('column.machine'),
      fixed: true,
      text: (row) => [title(row), ...row.ip].join(' '),
    },
    {
      id: 'mac',
      label: t('neighbour.mac'),
      width: 170,
      text: (row) => [row.mac, row.vendor ?? ''].join(' ').trim(),
    },
    {
      id: 'agency',
      label: t('column.agency'),
      least: 160,
      giveWay: 2,
      text: (row) => row.agency.name,
    },
    {
      id: 'witnesses',
      label: t('neighbour.seen_from'),
      width: 200,
      giveWay: 1,
      text: (row) => row.witnesses.map((witness) => witness.hostname).join(' '),
    },
    {
      id: 'first_seen',
      label: t('neighbour.first_seen'),
      width: 150,
      giveWay: 3,
      text: (row) => exact(row.first_seen),
    },
    {
      id: 'last_seen',
      label: t('neighbour.last_seen'),
      width: 130,
      text: (row) => exact(row.last_seen),
    },
    { id: 'decision', label: t('neighbour.decision'), width: 170, text: said },
  ];
}
