// Operators, and what is one's own: sessions, second factor, API tokens.

import { get, patch, post, remove } from './client';

export const ROLES = [
  'administrator',
  'handler',
  'analyst',
  'officer',
  'viewer',
  'auditor',
] as const;
export type Role = (typeof ROLES)[number];

export interface OperatorRow {
  name: string;
  full_name: string;
  role: Role;
  whole: boolean;
  agencies: number[];
  second_factor: boolean;
  must_change: boolean;
  disabled_at: string | null;
  oidc_subject: string | null;
  created_at: string;
  last_seen_at: string | null;
  sessions: number;
  version: number;
}

export interface OperatorChange {
  full_name?: string;
  role?: Role;
  whole?: boolean;
  agencies?: number[];
  disabled?: boolean;
  /** Empty for nobody. */
  oidc_subject?: string;
  version: number;
}

export interface OneTime {
  name: string;
  password: string;
}

export interface SessionRow {
  id: string;
  address: string;
  client: string;
  created_at: string;
  last_seen_at: string;
  current: boolean;
}

export interface ApiToken {
  id: number;
  name: string;
  role: Role;
  agency: number | null;
  created_at: string;
  ends_at: string;
  last_seen_at: string | null;
  last_address: string | null;
}

const id = encodeURIComponent;

export const operators = {
  list: (signal?: AbortSignal) => get<{ items: OperatorRow[] }>('/operators', signal),
  add: (one: { name: string; full_name: string; role: Role; agencies: number[] | null }) =>
    post<OneTime>('/operators', one),
  change: (name: string, change: OperatorChange) => patch<void>(`/operators/${id(name)}`, change),
  reset: (name: string, secondFactor: boolean) =>
    post<OneTime>(`/operators/${id(name)}/reset`, { second_factor: secondFactor }),
};

export const own = {
  sessions: (signal?: AbortSignal) => get<{ items: SessionRow[] }>('/session/all', signal),
  /** `others`: all but this one. */
  endSession: (session: string) => remove(`/session/all/${id(session)}`),
  tokens: (signal?: AbortSignal) => get<{ items: ApiToken[] }>('/session/tokens', signal),
  makeToken: (one: { name: string; role: Role; agency: number | null; ends_at: string }) =>
    post<{ id: number; token: string }>('/session/tokens', one),
  revokeToken: (token: number) => remove(`/session/tokens/${token}`),
  beginSecondFactor: () => post<{ secret: string; uri: string }>('/session/second-factor', {}),
  confirmSecondFactor: (code: string) =>
    post<{ recovery_codes: string[] }>('/session/second-factor/confirm', { code }),
  removeSecondFactor: (password: string) =>
    post<void>('/session/second-factor/remove', { password }),
};

/** What the button of the identity provider says, where there is one. */
export const provider = async (): Promise<string | null> =>
  (await get<{ provider: string | null }>('/meta')).provider;

export interface Verdict {
  deeds: number;
  broken_at: number | null;
  head: string;
  last: number;
}

export const verifyAudit = () => get<Verdict>('/audit/verify');
