// Exceptions, silences, what belongs together, ATT&CK and risk, as the collector sends them.

import { get, post, query, type Query } from './client';
import type { AlertRow, Level, List, Verdict } from './types';

const id = encodeURIComponent;

export const HOWS = ['equals', 'startswith', 'endswith', 'contains', 'cidr'] as const;
export type How = (typeof HOWS)[number];

export interface Condition {
  field: string;
  how: How;
  value: string;
}

export const EXCEPTION_STATES = ['in_force', 'expiring', 'expired', 'ended'] as const;
export type ExceptionState = (typeof EXCEPTION_STATES)[number];

export interface Exception {
  id: number;
  version: number;
  state: ExceptionState;
  /** Null: of all rules. */
  rule: string | null;
  machine: string | null;
  hostname: string | null;
  agency: number | null;
  agency_name: string | null;
  conditions: Condition[];
  why: string;
  owner: string;
  alert: string | null;
  made_by: string;
  from: string;
  until: string;
  hidden: number;
  hidden_at: string | null;
  history: { at: string; who: string; action: string; why: string; until: string }[];
}

export interface ExceptionDraft {
  rule?: string;
  machine?: string;
  agency?: string;
  conditions: Condition[];
  why?: string;
  owner?: string;
  until?: string;
  alert?: string;
  close?: Verdict;
}

/** What an exception would have hidden. */
export interface Preview {
  days: number;
  of: number;
  cut: boolean;
  alerts: number;
  hits: number;
  levels: Record<Level, number>;
  true_positives: number;
  uncertain: number;
  own: boolean | null;
  samples: { id: string; number: number; level: Level }[];
}

export const exceptions = {
  list: (of: Query, signal?: AbortSignal) =>
    get<List<Exception>>(`/exceptions${query(of)}`, signal),
  read: (exception: number, signal?: AbortSignal) =>
    get<Exception>(`/exceptions/${exception}`, signal),
  add: (draft: ExceptionDraft) => post<Exception>('/exceptions', draft),
  preview: (draft: ExceptionDraft, signal?: AbortSignal) =>
    post<Preview>('/exceptions/preview', draft, signal),
  renew: (exception: number, version: number, why: string, until?: string) =>
    post<Exception>(`/exceptions/${exception}/renew`, {
      version,
      why,
      ...(until ? { until } : {}),
    }),
  end: (exception: number, version: number, why: string) =>
    post<Exception>(`/exceptions/${exception}/end`, { version, why }),
};

export interface Silence {
  id: number;
  machine: string | null;
  hostname: string | null;
  agency: number | null;
  agency_name: string | null;
  rule: string | null;
  from: string;
  until: string;
  why: string;
  who: string;
  ended_by: string | null;
  alerts: number;
}

export interface SilenceDraft {
  machine?: string;
  agency?: string;
  rule?: string;
  from: string;
  until: string;
  why: string;
}

export const silences = {
  list: (signal?: AbortSignal) => get<{ items: Silence[] }>('/silences', signal),
  add: (draft: SilenceDraft) => post<{ id: number }>('/silences', draft),
  end: (silence: number) => post<void>(`/silences/${silence}/end`, {}),
};

/** Another alert, and what both name. */
export interface Related {
  alert: AlertRow;
  shared: { kind: string; value: string }[];
}

export interface Technique {
  id: string;
  tactics: string[];
  rules: number;
  alerts: number;
  unclosed: number;
}

export interface Attack {
  from: string;
  to: string;
  techniques: Technique[];
}

export interface UserRisk {
  user: string;
  risk: number;
}

export type BulkAction =
  | { action: 'acknowledge' }
  | { action: 'close'; verdict: Verdict }
  | { action: 'assign'; to: string | null };

/** Which alerts: those named, or all of a list of which a person saw so many. */
export type Which = { ids: string[] } | { matching: Query; count: number };

export const triage = {
  related: (alert: string, signal?: AbortSignal) =>
    get<{ items: Related[] }>(`/alerts/${id(alert)}/related`, signal),
  assignees: (signal?: AbortSignal) => get<{ items: string[] }>('/alerts/assignees', signal),
  bulk: (what: BulkAction, which: Which, comment: string) =>
    post<{ done: number; refused: { id: string; refused: string }[] }>('/alerts/bulk', {
      ...what,
      ...which,
      ...(comment === '' ? {} : { comment }),
    }),
  attack: (of: Query, signal?: AbortSignal) => get<Attack>(`/attack${query(of)}`, signal),
  users: (of: Query, signal?: AbortSignal) =>
    get<{ items: UserRisk[] }>(`/risk/users${query(of)}`, signal),
};
