// The columns of the table of ports.

import type { OpenPort } from '../api/pages';
import { exact } from '../format/time';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';

export function columns(): Column<OpenPort>[] {
  return [
    {
      id: 'port',
      label: t('ports.port'),
      width: 110,
      fixed: true,
      sort: (row) => row.port,
      text: (row) => `${row.transport}/${row.port}`,
    },
    {
      id: 'program',
      label: t('ports.program'),
      least: 200,
      sort: (row) => row.executable,
      text: (row) => row.executable,
    },
    { id: 'scope', label: t('ports.scope'), width: 128, text: (row) => word('scope', row.scope) },
    {
      id: 'firewall',
      label: t('ports.firewall'),
      width: 178,
      giveWay: 2,
      text: (row) => `${row.reachable}/${row.blocked}/${unknown(row)}`,
    },
    {
      id: 'machines',
      label: t('nav.machines'),
      width: 190,
      sort: (row) => row.machines,
      text: (row) => String(row.machines),
    },
    {
      id: 'approved',
      label: t('ports.approval'),
      width: 140,
      giveWay: 1,
      text: (row) => `${row.approved}/${row.machines}`,
    },
    {
      id: 'first',
      label: t('ports.first_open'),
      width: 150,
      giveWay: 3,
      sort: (row) => row.first_opened,
      text: (row) => exact(row.first_opened),
    },
  ];
}

/** Machines of which nobody knows whether others get there. */
export function unknown(row: OpenPort): number {
  return row.machines - row.reachable - row.blocked;
}
