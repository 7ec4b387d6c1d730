// Each page is fetched when it is wanted first, so that the first one is there soon; and what a person
// has to be allowed to see anything on it. The collector checks by itself.

import type { Component } from 'svelte';
import type { Permission } from '../api/types';
import type { Route } from '../router/router.svelte';

/** Pages with a panel are given the id in the address. */
export type Load = () => Promise<{ default: Component<any> }>;

export interface Page {
  load: Load;
  needs: Permission;
}

export const PAGES: Record<Route['page'], Page> = {
  overview: { needs: 'see_alerts', load: () => import('../overview/OverviewPage.svelte') },
  wall: { needs: 'see_alerts', load: () => import('../wall/WallPage.svelte') },
  alerts: { needs: 'see_alerts', load: () => import('../alerts/AlertsPage.svelte') },
  machines: { needs: 'see_machines', load: () => import('../machines/Machines.svelte') },
  machine: { needs: 'see_machines', load: () => import('../machines/MachinePage.svelte') },
  antivirus: { needs: 'see_machines', load: () => import('../antivirus/AntivirusPage.svelte') },
  ports: { needs: 'see_machines', load: () => import('../ports/PortsPage.svelte') },
  anomalies: { needs: 'see_alerts', load: () => import('../anomalies/AnomaliesPage.svelte') },
  hunt: { needs: 'hunt', load: () => import('../hunt/HuntPage.svelte') },
  rules: { needs: 'see_rules', load: () => import('../rules/Rules.svelte') },
  agencies: { needs: 'see_agencies', load: () => import('../agencies/AgenciesPage.svelte') },
  configuration: {
    needs: 'see_configurations',
    load: () => import('../configuration/ConfigurationPage.svelte'),
  },
  archive: { needs: 'see_archive', load: () => import('../archive/ArchivePage.svelte') },
  users: { needs: 'see_operators', load: () => import('../access/UsersPage.svelte') },
  audit: { needs: 'see_audit', load: () => import('../audit/AuditPage.svelte') },
  start: { needs: 'make_tokens', load: () => import('../start/StartPage.svelte') },
  account: { needs: 'for_anybody', load: () => import('../access/AccountPage.svelte') },
  missing: { needs: 'for_anybody', load: () => import('./MissingPage.svelte') },
};
