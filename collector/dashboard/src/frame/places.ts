// Where one can go, in groups, and where a person begins.

import type { Key } from '../i18n/i18n.svelte';
import type { Route } from '../router/router.svelte';
import { session } from '../session/session.svelte';
import type { IconName } from '../ui/icons';
import { PAGES } from './pages';

export type Group = 'watch' | 'examine' | 'manage';

export interface Place {
  group: Group;
  pages: Route['page'][];
  path: string;
  label: Key;
  icon: IconName;
  parameters?: Record<string, string>;
  /** Not for a phone, where there is room for five. */
  desk?: boolean;
}

export const GROUPS: { id: Group; label: Key }[] = [
  { id: 'watch', label: 'nav.watch' },
  { id: 'examine', label: 'nav.examine' },
  { id: 'manage', label: 'nav.manage' },
];

export const PLACES: Place[] = [
  { group: 'watch', pages: ['overview'], path: '/', label: 'nav.overview', icon: 'overview' },
  {
    group: 'watch',
    pages: ['alerts'],
    path: '/alerts',
    label: 'nav.alerts',
    icon: 'alert',
    parameters: { state: 'open,acknowledged' },
  },
  {
    group: 'watch',
    pages: ['machines', 'machine'],
    path: '/machines',
    label: 'nav.machines',
    icon: 'machine',
  },
  {
    group: 'watch',
    pages: ['antivirus'],
    path: '/antivirus',
    label: 'nav.antivirus',
    icon: 'shield',
    desk: true,
  },
  {
    group: 'watch',
    pages: ['ports'],
    path: '/ports',
    label: 'nav.ports',
    icon: 'port',
    parameters: { scope: 'lan,any' },
    desk: true,
  },
  {
    group: 'watch',
    pages: ['anomalies'],
    path: '/anomalies',
    label: 'nav.anomalies',
    icon: 'anomaly',
    parameters: { state: 'open,acknowledged' },
    desk: true,
  },
  { group: 'watch', pages: ['wall'], path: '/wall', label: 'nav.wall', icon: 'wall', desk: true },
  {
    group: 'examine',
    pages: ['hunt'],
    path: '/hunt',
    label: 'nav.hunt',
    icon: 'hunt',
  },
  { group: 'examine', pages: ['rules'], path: '/rules', label: 'nav.rules', icon: 'rule' },
  {
    group: 'manage',
    pages: ['start'],
    path: '/start',
    label: 'nav.start',
    icon: 'plus',
    desk: true,
  },
  {
    group: 'manage',
    pages: ['agencies'],
    path: '/agencies',
    label: 'nav.agencies',
    icon: 'agency',
    desk: true,
  },
  {
    group: 'manage',
    pages: ['configuration'],
    path: '/configuration',
    label: 'nav.configuration',
    icon: 'sliders',
    desk: true,
  },
  {
    group: 'manage',
    pages: ['archive'],
    path: '/archive',
    label: 'nav.archive',
    icon: 'archive',
    desk: true,
  },
  {
    group: 'manage',
    pages: ['users'],
    path: '/users',
    label: 'nav.users',
    icon: 'person',
    desk: true,
  },
  {
    group: 'manage',
    pages: ['audit'],
    path: '/audit',
    label: 'nav.audit',
    icon: 'key',
    desk: true,
  },
];

/** The places this person may go to. */
export function open(): Place[] {
  return PLACES.filter(({ pages: [page] }) => page && session.may(PAGES[page].needs));
}

/** Where this person begins. */
export function home(): Place {
  return open()[0] ?? ACCOUNT;
}

const ACCOUNT: Place = {
  group: 'manage',
  pages: ['account'],
  path: '/account',
  label: 'nav.account',
  icon: 'person',
};
