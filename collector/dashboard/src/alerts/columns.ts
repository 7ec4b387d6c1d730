// The columns of the alert queue.

import { LEVELS, type AlertRow } from '../api/types';
import { exact, millis } from '../format/time';
import { of, t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';
import { subjectLine } from './subject';

export function columns(): Column<AlertRow>[] {
  return [
    {
      id: 'level',
      label: t('column.level'),
      width: 124,
      giveWay: 3,
      fixed: true,
      sort: (row) => LEVELS.indexOf(row.level),
      text: (row) => word('level', row.level),
    },
    { id: 'shape', label: '', width: 34, insteadOf: 'level', fixed: true },
    {
      id: 'title',
      label: t('column.alert'),
      fixed: true,
      sort: (row) => of(row.title),
      text: (row) => of(row.title),
    },
    {
      id: 'machine',
      label: t('column.machine'),
      width: 156,
      giveWay: 2,
      sort: (row) => row.machine?.hostname ?? null,
      text: (row) => row.machine?.hostname ?? '',
    },
    {
      id: 'subject',
      label: t('column.subject'),
      exportOnly: true,
      text: subjectLine,
    },
    {
      id: 'agency',
      label: t('column.agency'),
      exportOnly: true,
      text: (row) => row.agency?.name ?? '',
    },
    {
      id: 'count',
      label: t('column.count'),
      width: 84,
      giveWay: 4,
      numeric: true,
      sort: (row) => row.count,
      text: (row) => String(row.count),
    },
    {
      id: 'state',
      label: t('column.state'),
      width: 112,
      giveWay: 5,
      sort: (row) => word('alertState', row.state),
      text: (row) => word('alertState', row.state),
    },
    {
      id: 'verdict',
      label: t('verdict.label'),
      exportOnly: true,
      text: (row) => (row.verdict ? word('verdict', row.verdict) : ''),
    },
    {
      id: 'assignee',
      label: t('column.assignee'),
      width: 116,
      giveWay: 6,
      sort: (row) => row.assignee,
      text: (row) => row.assignee ?? '',
    },
    {
      id: 'last_at',
      label: t('column.last_at'),
      width: 108,
      sort: (row) => millis(row.last_at),
      text: (row) => exact(row.last_at),
    },
    {
      id: 'number',
      label: t('column.number'),
      width: 80,
      giveWay: 7,
      numeric: true,
      sort: (row) => row.number,
      text: (row) => String(row.number),
    },
  ];
}
