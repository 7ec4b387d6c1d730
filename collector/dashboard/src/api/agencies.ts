// Agencies, information systems, and tables that come in and go out.

import { BASE, get, post, put, query, remove, upload } from './client';
import type { AgencyRef, List } from './types';

export interface AgencyThen extends AgencyRef {
  parent: number | null;
}

export interface HistoryRow {
  kind: string;
  day: string;
  decision: string;
  reason: string;
  who: string;
  at: string;
  /** What it was until then; null where the change was about another agency. */
  code: string | null;
  name: string | null;
  parent: string | null;
}

export interface Targets {
  machines: number;
  protected: number;
  antivirus_coverage: number | null;
  systems: number;
  systems_monitored: number;
  monitored: number | null;
  systems_approved: number;
  approved: number | null;
  /** Null where nobody looks for them. */
  without_agent: number | null;
}

export interface AgencyDetail extends AgencyRef {
  parent: number | null;
  from: string;
  until: string | null;
  version: number;
  changes: HistoryRow[];
  successors: AgencyRef[];
  predecessors: AgencyRef[];
  tokens: {
    id: number;
    uses: number;
    used: number;
    expires_at: string | null;
    created_at: string;
    created_by: string;
  }[];
  targets: Targets;
}

export interface Target {
  code: string;
  /** Of a new agency only. */
  name?: string;
}

export type Change =
  | { kind: 'add'; code: string; name: string; parent: string | null }
  | { kind: 'rename'; agency: string; code: string; name: string }
  | { kind: 'move'; agency: string; parent: string | null }
  | { kind: 'dissolve'; agency: string; successor: string | null }
  | { kind: 'merge'; agencies: string[]; into: Target }
  | {
      kind: 'split';
      agency: string;
      parts: { into: Target; machines: string[]; agencies: string[] }[];
    };

export type ChangeKind = Change['kind'];

export interface Order {
  change: Change;
  day: string;
  decision: string;
  reason: string;
  versions: Record<string, number>;
}

export interface Outcome {
  agencies: { what: string; code: string; name: string; to: string | null; machines: number }[];
  machines: number;
  tokens: number;
  systems: number;
  kept: string[];
  configured: string[];
}

export interface Contact {
  name: string;
  role: string;
  phone: string;
  email: string;
}

export interface SystemDraft {
  code: string;
  name: string;
  level: number;
  owner: string;
  operator: string;
  kind: string;
  approval: string;
  decision: string;
  approved_on: string | null;
  rollout: string;
  rollout_on: string | null;
  checked: string;
  checked_on: string | null;
  regulation: string;
  contacts: Contact[];
  note: string;
}

export interface System extends SystemDraft {
  id: number;
  owned_by: AgencyRef;
  operated_by: AgencyRef;
  hosts: number;
  hosts_online: number;
  monitored: boolean;
  version: number;
  changed_at: string;
  changed_by: string;
}

export type TableKind = 'agencies' | 'systems' | 'machines';

export interface Preview {
  what: TableKind;
  mark: string;
  added: number;
  changed: number;
  same: number;
  rows: {
    line: number;
    is_new: boolean;
    key: string;
    changes: { column: string; from: string; to: string }[];
  }[];
  mistakes: { line: number; column: string; wrong: string; value: string; hint: string }[];
}

const id = encodeURIComponent;

export const tree = {
  at: (day: string, signal?: AbortSignal) =>
    get<{ items: AgencyThen[] }>(`/agencies${query({ at: day })}`, signal),
  read: (agency: string, signal?: AbortSignal) =>
    get<AgencyDetail>(`/agencies/${id(agency)}`, signal),
  preview: (order: Order) => post<Outcome>('/agencies/changes/preview', order),
  change: (order: Order) => post<Outcome>('/agencies/changes', order),
};

export const systems = {
  list: (agency: string | null, signal?: AbortSignal) =>
    get<List<System>>(`/systems${query({ agency, limit: 1000 })}`, signal),
  add: (draft: SystemDraft) => post<System>('/systems', draft),
  change: (system: number, draft: SystemDraft, version: number) =>
    put<System>(`/systems/${system}`, { ...draft, version }),
  hosts: (system: number, hosts: string[], version: number) =>
    put<System>(`/systems/${system}/hosts`, { hosts, version }),
  remove: (system: number, version: number) => remove(`/systems/${system}?version=${version}`),
};

export const tables = {
  preview: (what: TableKind, file: Blob) => upload<Preview>(`/tables/${what}/preview`, file),
  apply: (what: TableKind, file: Blob, mark: string) =>
    upload<Preview>(`/tables/${what}${query({ mark })}`, file),
  address: (what: TableKind, format: 'csv' | 'xlsx', language: string, agency: string | null) =>
    `${BASE}/tables/${what}${query({ format, language, agency })}`,
};
