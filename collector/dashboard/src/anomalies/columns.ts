// The columns of the table of anomalies.

import type { Anomaly } from '../api/pages';
import { exact } from '../format/time';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';
import { field, kind, subject } from './what';

export function columns(): Column<Anomaly>[] {
  return [
    {
      id: 'last_at',
      label: t('column.last_at'),
      width: 118,
      text: (row) => exact(row.last_at),
    },
    {
      id: 'kind',
      label: t('field.anomaly.kind'),
      width: 230,
      text: (row) => [kind(row.what), field(row.what)].filter(Boolean).join(': '),
    },
    {
      id: 'source',
      label: t('field.anomaly.source'),
      width: 190,
      giveWay: 2,
      text: (row) => row.what['anomaly.source'] ?? '',
    },
    {
      id: 'what',
      label: t('anomalies.about'),
      least: 220,
      fixed: true,
      text: (row) => subject(row.what),
    },
    {
      id: 'machine',
      label: t('column.machine'),
      width: 190,
      giveWay: 1,
      text: (row) => row.machine?.hostname ?? '',
    },
    {
      id: 'count',
      label: t('column.count'),
      width: 76,
      numeric: true,
      giveWay: 3,
      text: (row) => String(row.count),
    },
    {
      id: 'state',
      label: t('column.state'),
      width: 130,
      text: (row) => (row.normal ? t('anomalies.normal') : word('alertState', row.state)),
    },
  ];
}
