// Hunts: questions to the events of months.

import { BASE, get, lines, post, put, query, remove } from './client';
import type { EventView, FieldValue, Level } from './types';

export type HuntLanguage = 'search' | 'sql';

/** What is asked; times are RFC 3339. */
export interface HuntRequest {
  query: string;
  language: HuntLanguage;
  from: string;
  to: string;
  limit?: number;
  columns?: string[];
}

export interface HuntColumn {
  name: string;
  type: string;
}

export type HuntRow = FieldValue[];

/** How much of what was asked for the answer stands for. */
export interface Completeness {
  from: string;
  to: string;
  files: number;
  missing: { path: string; reason: string }[];
  /** Events of the journal that no file has yet; they are part of the answer. */
  unarchived_events: number;
  oldest: string | null;
  newest: string | null;
}

export interface HuntEnd {
  rows: number;
  seconds: number;
  is_cut: boolean;
  completeness: Completeness;
}

export interface HuntFailure {
  title: string;
  detail: string;
  position?: number | null;
}

export type HuntLine =
  | { type: 'waiting'; id: string; before: number }
  | { type: 'begin'; id: string; sql: string; columns: HuntColumn[]; notes?: string[] }
  | { type: 'rows'; rows: HuntRow[] }
  | { type: 'progress'; files_done: number; files: number; rows_read: number }
  | ({ type: 'end' } & HuntEnd)
  | ({ type: 'error' } & HuntFailure);

export interface Histogram {
  interval_s: number;
  /** Those that are not empty. */
  buckets: { at: string; count: number }[];
  completeness: Completeness | null;
}

export interface HuntField {
  name: string;
  type: string;
  /** The part of the events that have it, 0..1. */
  share: number;
}

export interface Schedule {
  every_s: number;
  level: Level;
  title: string;
}

export interface SavedHunt {
  id: number | string;
  name: string;
  query: string;
  language: HuntLanguage;
  range_s: number;
  columns: string[];
  schedule: Schedule | null;
  owner: string;
  last_run: { at: string; rows: number; error: string | null } | null;
}

export type HuntDraft = Omit<SavedHunt, 'id' | 'owner' | 'last_run'>;

export type HuntFormat = 'csv' | 'json' | 'parquet';

const id = encodeURIComponent;

export const hunts = {
  run: (of: HuntRequest, signal: AbortSignal, take: (line: HuntLine) => void) =>
    lines<HuntLine>('/hunts', of, signal, take),
  stop: (hunt: string) => remove(`/hunts/${id(hunt)}`),
  histogram: (of: HuntRequest & { buckets: number }, signal: AbortSignal) =>
    post<Histogram>('/hunts/histogram', of, signal),
  fields: (from: string, to: string, signal?: AbortSignal) =>
    get<HuntField[]>(`/hunts/fields${query({ from, to })}`, signal),
  /** An address to save the whole answer from; everything is a star there. */
  file: (of: HuntRequest, format: HuntFormat) =>
    `${BASE}/hunts/download${query({
      query: of.query || '*',
      language: of.language,
      from: of.from,
      to: of.to,
      columns: of.columns?.join(','),
      format,
    })}`,
  saved: (signal?: AbortSignal) => get<SavedHunt[]>('/hunts/saved', signal),
  save: (draft: HuntDraft) => post<SavedHunt>('/hunts/saved', draft),
  change: (saved: SavedHunt['id'], draft: HuntDraft) =>
    put<SavedHunt>(`/hunts/saved/${id(saved)}`, draft),
  remove: (saved: SavedHunt['id']) => remove(`/hunts/saved/${id(saved)}`),
  event: (position: string, signal?: AbortSignal) =>
    get<EventView>(`/events/${id(position)}`, signal),
};
