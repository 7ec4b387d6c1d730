// The columns of the audit.

import type { Deed } from '../api/types';
import { exact } from '../format/time';
import { t, word } from '../i18n/i18n.svelte';
import type { Column } from '../table/columns';

const LOCAL = 'local';

/** What the collector calls its own doing has a word; a person may have any name. */
export function actor(of: Deed): string {
  return of.address === LOCAL ? word('actor', of.who) : of.who;
}

export function place(address: string): string {
  return word('place', address);
}

/** `alert 17` is the alert #17. */
export function alertNumber(of: Deed): string | null {
  return /^alert (\d+)$/.exec(of.subject)?.[1] ?? null;
}

/** `machine pc-07` is that machine. */
function machineName(of: Deed): string | null {
  return /^machine (.+)$/.exec(of.subject)?.[1] ?? null;
}

export function subject(of: Deed): string {
  const number = alertNumber(of);
  return number === null ? (machineName(of) ?? of.subject) : `#${number}`;
}

export function detail(of: Deed): string {
  const [, count, what] = /^(\d+) (uses|lines)$/.exec(of.detail) ?? [];
  if (count === undefined) return of.detail;
  return t(what === 'uses' ? 'audit.uses' : 'audit.lines', { count: Number(count) });
}

/** What was done, as one key of the catalogue: `alert closed` is `alert_closed`. */
export function deed(of: Deed): string {
  const name = of.action.replaceAll(' ', '_').replaceAll('-', '_');
  const said = word('deed', name);
  return said === name ? of.action : said;
}

export function columns(): Column<Deed>[] {
  return [
    { id: 'at', label: t('column.time'), width: 170, text: (row) => exact(row.at) },
    { id: 'who', label: t('audit.who'), width: 150, text: actor },
    { id: 'action', label: t('audit.action'), width: 200, text: deed },
    { id: 'subject', label: t('column.subject'), width: 150, text: subject },
    {
      id: 'detail',
      label: t('audit.detail'),
      text: detail,
    },
    {
      id: 'address',
      label: t('audit.address'),
      width: 140,
      giveWay: 1,
      text: (row) => place(row.address),
    },
  ];
}
