// Each page is fetched when it is wanted first, so that the first one is there soon.

import type { Component } from 'svelte';
import type { Route } from '../router/router.svelte';

/** Pages with a panel are given the id in the address. */
export type Page = () => Promise<{ default: Component<any> }>;

export const PAGES: Record<Route['page'], Page> = {
  overview: () => import('../overview/OverviewPage.svelte'),
  wall: () => import('../wall/WallPage.svelte'),
  alerts: () => import('../alerts/AlertsPage.svelte'),
  machines: () => import('../machines/Machines.svelte'),
  machine: () => import('../machines/MachinePage.svelte'),
  antivirus: () => import('../antivirus/AntivirusPage.svelte'),
  ports: () => import('../ports/PortsPage.svelte'),
  anomalies: () => import('../anomalies/AnomaliesPage.svelte'),
  hunt: () => import('../hunt/HuntPage.svelte'),
  rules: () => import('../rules/RulesPage.svelte'),
  configuration: () => import('../configuration/ConfigurationPage.svelte'),
  archive: () => import('../archive/ArchivePage.svelte'),
  audit: () => import('../audit/AuditPage.svelte'),
  start: () => import('../start/StartPage.svelte'),
  missing: () => import('./MissingPage.svelte'),
};
