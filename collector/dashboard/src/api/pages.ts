// What the pages Overview, Wall, Antivirus, Ports, Anomalies and Start ask for.

import { get, post, query, remove, type Query } from './client';
import type { AgencyRef, AlertRow, LevelCounts, List, PortName } from './types';

const id = encodeURIComponent;

/** What machines and alerts were like on a day. */
export interface Figures {
  machines: number;
  /** Heard from on this day. */
  heard: number;
  protected: number;
  weak: number;
  unprotected: number;
  unknown: number;
  without_agent: number | null;
  open: LevelCounts;
  raised: LevelCounts;
}

export interface TrendDay {
  /** 2026-11-22, in the collector's zone. */
  day: string;
  begin: string;
  /** Null where nobody measured. */
  figures: Figures | null;
}

export interface Changes {
  new_machines: number;
  silent_machines: number;
  unprotected_machines: number;
  new_ports: number;
  raised: LevelCounts;
  since: string;
}

export const trend = (of: Query, signal?: AbortSignal) =>
  get<{ days: TrendDay[] }>(`/trend${query(of)}`, signal);
export const changes = (of: Query, signal?: AbortSignal) =>
  get<Changes>(`/changes${query(of)}`, signal);

export interface AntivirusProduct {
  product: string;
  version: string | null;
  machines: number;
  protected: number;
}

export const antivirus = {
  products: (of: Query, signal?: AbortSignal) =>
    get<{ items: AntivirusProduct[] }>(`/antivirus/products${query(of)}`, signal),
};

export interface OpenPort extends PortName {
  machines: number;
  agencies: number;
  reachable: number;
  blocked: number;
  approved: number;
  first_opened: string;
  machine: string;
  hostname: string;
}

export interface PortMachine {
  id: string;
  hostname: string;
  agency: AgencyRef;
  address: string;
  process: string | null;
  user: string | null;
  reachable: string | null;
  opened_at: string;
  approved: boolean;
}

export interface Approval {
  ports: PortName[];
  machines: string[];
  /** Numbers; those below them too. */
  agencies: number[];
  note: string;
}

export const ports = {
  list: (of: Query, signal?: AbortSignal) => get<List<OpenPort>>(`/ports${query(of)}`, signal),
  machines: (of: Query, signal?: AbortSignal) =>
    get<List<PortMachine>>(`/ports/machines${query(of)}`, signal),
  approve: (approval: Approval) => post<{ approved: number }>('/ports/approve', approval),
};

/** Kind, source and what an anomaly is about; an agent wrote it. */
export type What = Record<string, string>;

export interface Anomaly extends AlertRow {
  what: What;
  normal: boolean;
}

export interface NormalRow {
  anomaly: string;
  machine: string | null;
  hostname: string;
  agency: number;
  alert: string;
  what: What;
  who: string;
  at: string;
}

export const anomalies = {
  list: (of: Query, signal?: AbortSignal) => get<List<Anomaly>>(`/anomalies${query(of)}`, signal),
  normal: (of: Query, signal?: AbortSignal) =>
    get<{ items: NormalRow[] }>(`/anomalies/normal${query(of)}`, signal),
  takeBack: ({ anomaly, machine, agency }: NormalRow) =>
    post<void>('/anomalies/normal/take-back', { anomaly, machine, agency }),
};

export interface SavedView {
  id: number;
  page: string;
  name: string;
  query: string;
  shared: boolean;
  owner: string;
  created_at: string;
}

export const savedViews = {
  list: (signal?: AbortSignal) => get<{ items: SavedView[] }>('/saved-views', signal),
  save: (draft: Pick<SavedView, 'page' | 'name' | 'query' | 'shared'>) =>
    post<SavedView>('/saved-views', draft),
  remove: (view: number) => remove(`/saved-views/${id(view)}`),
};

/** How far a new collector has come. */
export interface Start {
  agencies: number;
  tokens: number;
  machines: number;
  online: number;
  antivirus_known: number;
  rules: number;
  backup_at: string | null;
}

export const start = (signal?: AbortSignal) => get<Start>('/start', signal);
