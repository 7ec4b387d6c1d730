// What is kept of events, how long, and how much room there is.

import { get, post, put, remove } from './client';

export interface ArchiveAgency {
  /** Empty for events of no agency. */
  code: string;
  name: string;
  files: number;
  bytes: number;
  rows: number;
  oldest: string | null;
  /** Level of its system, 1..5; null where nobody has said it. */
  level: number | null;
  months: number;
  legal_months: number;
  /** Level and months are those of the agency above, or the default. */
  inherited?: boolean;
}

export interface Hold {
  id: number | string;
  agency: string | null;
  host: string | null;
  from: string;
  to: string;
  why: string;
  until: string | null;
  who?: string;
  at?: string;
}

export interface Archive {
  files: number;
  bytes: number;
  rows: number;
  oldest: string | null;
  newest: string | null;
  /** What the same events were as they came. */
  raw_bytes: number;
  agencies: ArchiveAgency[];
  holds: Hold[];
  /** `full_in_days` is null where the trend does not say. */
  disk: { free: number; total: number; full_in_days: number | null };
  damaged: { path: string; reason: string; found_at: string; rows?: number }[];
  waiting_events: number;
  /** Whose least `legal_months` is: name, clause, date, status. */
  legal?: string;
}

export type HoldDraft = Pick<Hold, 'from' | 'to' | 'why'> & {
  agency?: string;
  host?: string;
  until?: string;
};

const id = encodeURIComponent;

export const archive = {
  read: (signal?: AbortSignal) => get<Archive>('/archive', signal),
  keep: (agency: string, of: { level: number; months: number; why: string }) =>
    put<unknown>(`/archive/retention/${id(agency)}`, of),
  hold: (of: HoldDraft) => post<unknown>('/archive/holds', of),
  release: (hold: Hold['id']) => remove(`/archive/holds/${id(hold)}`),
};
