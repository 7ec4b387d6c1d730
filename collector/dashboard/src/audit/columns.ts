// The columns of the audit.

import type { Deed } from '../api/types';
import { exact } from '../format/time';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';

/** What was done, as one key of the catalogue: `alert closed` is `alert_closed`. */
export function deed(of: Deed): string {
  const name = of.action.replaceAll(' ', '_').replaceAll('-', '_');
  const said = word('deed', name);
  return said === name ? of.action : said;
}

export function columns(): Column<Deed>[] {
  return [
    { id: 'at', label: t('column.time'), width: 170, text: (row) => exact(row.at) },
    { id: 'who', label: t('audit.who'), width: 150, text: (row) => row.who },
    { id: 'action', label: t('audit.action'), width: 200, text: deed },
    { id: 'subject', label: t('column.subject'), width: 150, text: (row) => row.subject },
    {
      id: 'detail',
      label: t('audit.detail'),
      text: (row) => row.detail,
    },
    {
      id: 'address',
      label: t('audit.address'),
      width: 140,
      giveWay: 1,
      text: (row) => row.address,
    },
  ];
}
