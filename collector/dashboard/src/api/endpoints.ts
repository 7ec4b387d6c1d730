// Every call the page makes, by name.

import { get, post, put, query, remove, type Query } from './client';
import type {
  Agency,
  AgencyRef,
  Alert,
  AlertRow,
  Connection,
  ConfigurationView,
  Deed,
  EventView,
  Heartbeat,
  HostRecord,
  List,
  Machine,
  MachineRow,
  Neighbour,
  NeighbourDecision,
  Overview,
  Person,
  Port,
  PortName,
  Problem,
  RuleRow,
  Rules,
  TextProblem,
  Timeline,
  Token,
  Verdict,
} from './types';

const id = encodeURIComponent;

export const session = {
  read: () => get<Person>('/session'),
  open: (name: string, password: string, code: string) =>
    post<Person>('/session', code === '' ? { name, password } : { name, password, code }),
  close: () => remove('/session'),
  changePassword: (old: string, fresh: string) =>
    post<void>('/session/password', { old, new: fresh }),
};

export const overview = (of: Query, signal?: AbortSignal) =>
  get<Overview>(`/overview${query(of)}`, signal);

export const alerts = {
  list: (of: Query, signal?: AbortSignal) => get<List<AlertRow>>(`/alerts${query(of)}`, signal),
  read: (alert: string, signal?: AbortSignal) => get<Alert>(`/alerts/${id(alert)}`, signal),
  timeline: (of: Query, signal?: AbortSignal) =>
    get<Timeline>(`/alerts/timeline${query(of)}`, signal),
  /** `version` is the alert's as the person saw it: who was slower is told (409). */
  act: (alert: string, action: Exclude<AlertAction, 'close'>, comment: string, version?: number) =>
    post<Alert>(`/alerts/${id(alert)}/${action}`, {
      version,
      ...(comment === '' ? {} : { comment }),
    }),
  close: (alert: string, verdict: Verdict, comment: string, version: number) =>
    post<Alert>(`/alerts/${id(alert)}/close`, { verdict, comment, version }),
  /** To an operator, or back to the queue. */
  assign: (alert: string, to: string | null, version: number) =>
    post<Alert>(`/alerts/${id(alert)}/assign`, { to, version }),
  /** The anomaly behind it is normal, there; closes it. */
  callNormal: (alert: string, scope: 'machine' | 'agency', comment: string) =>
    post<Alert>(`/alerts/${id(alert)}/normal`, comment === '' ? { scope } : { scope, comment }),
};

export type AlertAction = 'acknowledge' | 'close' | 'reopen' | 'comment';

export const machines = {
  list: (of: Query, signal?: AbortSignal) => get<List<MachineRow>>(`/machines${query(of)}`, signal),
  read: (machine: string, signal?: AbortSignal) => get<Machine>(`/machines/${id(machine)}`, signal),
  record: (machine: string, record: Omit<HostRecord, 'changed_at' | 'changed_by'>) =>
    put<HostRecord>(`/machines/${id(machine)}/record`, record),
  move: (list: string[], agency: string, reason: string) =>
    post<{ moved: number }>('/machines/agency', { machines: list, agency, reason }),
  ports: (machine: string, signal?: AbortSignal) =>
    get<{ items: Port[] }>(`/machines/${id(machine)}/ports?history=true`, signal),
  connections: (machine: string, signal?: AbortSignal) =>
    get<{ items: Connection[] }>(`/machines/${id(machine)}/connections`, signal),
  /** No ports: all that are open now. */
  approvePorts: (machine: string, ports: PortName[], agency: boolean, note: string) =>
    post<{ approved: number }>(`/machines/${id(machine)}/ports/approve`, { ports, agency, note }),
  revokePort: (approval: number) => post<void>(`/port-approvals/${approval}/revoke`, {}),
  heartbeats: (machine: string, of: Query, signal?: AbortSignal) =>
    get<{ items: Heartbeat[] }>(`/machines/${id(machine)}/heartbeats${query(of)}`, signal),
  events: (machine: string, of: Query, signal?: AbortSignal) =>
    get<{ items: EventView[]; next: number | null }>(
      `/machines/${id(machine)}/events${query(of)}`,
      signal,
    ),
};

export const neighbours = {
  list: (of: Query, signal?: AbortSignal) =>
    get<List<Neighbour>>(`/neighbours${query(of)}`, signal),
  decide: (agency: number, mac: string, decision: NeighbourDecision | null, reason: string) =>
    post<void>('/neighbours/decision', { agency, mac, decision, reason }),
};

export const agencies = {
  list: (signal?: AbortSignal) => get<{ items: Agency[] }>('/agencies', signal),
  add: (code: string, name: string) => post<AgencyRef>('/agencies', { code, name }),
};

export const rules = {
  list: (signal?: AbortSignal) => get<Rules>('/rules', signal),
  read: (rule: string, signal?: AbortSignal) =>
    get<RuleRow & { source: string }>(`/rules/${id(rule)}`, signal),
  /** Looks through the text of rules without putting them in force. */
  check: (source: string) =>
    post<{ rules: number; problems: Problem[] }>('/rules/check', { source }),
  /** Off, on, or (null) as above, in an agency and those below it. */
  turn: (rule: string, agency: string | null, enabled: boolean | null, why: string) =>
    post<RuleRow & { source: string }>(`/rules/${id(rule)}/switch`, { agency, enabled, why }),
  unpark: (rule: string) => post<void>(`/rules/${id(rule)}/unpark`, {}),
};

export const configurations = {
  read: (scope: string, signal?: AbortSignal) =>
    get<ConfigurationView>(`/configurations${query({ scope })}`, signal),
  check: (text: string) => post<{ problems: TextProblem[] }>('/configurations/check', { text }),
  set: (change: { scope: string; text: string; why: string; after: number }) =>
    post<ConfigurationView>('/configurations', change),
  restore: (scope: string, version: number, why: string) =>
    post<ConfigurationView>('/configurations/restore', { scope, version, why }),
};

export const audit = {
  list: (of: Query, signal?: AbortSignal) => get<List<Deed>>(`/audit${query(of)}`, signal),
};

export const tokens = {
  create: (agency: string, uses: number, expires: string) =>
    post<Token>('/tokens', { agency, uses, expires }),
};
