// The columns of the table of machines.

import { ANTIVIRUS_STATES, MACHINE_STATES, type MachineRow } from '../api/types';
import { exact, millis } from '../format/time';
import { number, percent } from '../format/number';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';

export function columns(): Column<MachineRow>[] {
  return [
    {
      id: 'hostname',
      label: t('column.machine'),
      fixed: true,
      sort: (row) => row.hostname,
      text: (row) => row.hostname,
    },
    {
      id: 'state',
      label: t('column.state'),
      width: 124,
      // Within one state, those unheard for longest come last.
      sort: (row) => MACHINE_STATES.indexOf(row.state) - (millis(row.last_heard) ?? 0) / 1e14,
      text: (row) => word('machineState', row.state),
    },
    {
      id: 'agency',
      label: t('column.agency'),
      least: 180,
      giveWay: 6,
      sort: (row) => row.agency?.name ?? null,
      text: (row) => row.agency?.name ?? '',
    },
    {
      id: 'antivirus',
      label: t('column.antivirus'),
      width: 216,
      sort: (row) => ANTIVIRUS_STATES.indexOf(row.antivirus.state),
      text: (row) =>
        [
          word('antivirus', row.antivirus.state),
          ...row.antivirus.reasons.map((reason) => word('reason', reason)),
        ].join('; '),
    },
    {
      id: 'signatures',
      label: t('column.signatures'),
      width: 112,
      giveWay: 5,
      numeric: true,
      sort: (row) => row.antivirus.signatures_age_days,
      text: (row) => number(row.antivirus.signatures_age_days, 1),
    },
    {
      id: 'risk',
      label: t('column.risk'),
      width: 78,
      giveWay: 3,
      numeric: true,
      sort: (row) => row.risk,
      text: (row) => String(row.risk),
    },
    {
      id: 'ports',
      label: t('column.ports'),
      width: 88,
      giveWay: 4,
      numeric: true,
      sort: (row) => row.open_ports_lan,
      text: (row) => `${row.open_ports_lan}/${row.open_ports}`,
    },
    {
      id: 'alerts',
      label: t('column.alerts'),
      width: 80,
      numeric: true,
      sort: (row) => row.alerts_open,
      text: (row) => String(row.alerts_open),
    },
    {
      id: 'cpu',
      label: t('column.cpu'),
      width: 100,
      giveWay: 9,
      sort: (row) => row.cpu,
      text: (row) => percent(row.cpu),
    },
    {
      id: 'memory',
      label: t('column.memory'),
      width: 100,
      giveWay: 8,
      sort: (row) => row.memory_used,
      text: (row) => percent(row.memory_used),
    },
    {
      id: 'disk',
      label: t('column.disk'),
      width: 100,
      giveWay: 7,
      sort: (row) => row.disk_used,
      text: (row) => percent(row.disk_used),
    },
    {
      id: 'heard',
      label: t('column.heard'),
      exportOnly: true,
      text: (row) => exact(row.last_heard),
    },
  ];
}
