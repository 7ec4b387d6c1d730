// The shapes of /api/v1, as the collector sends them.

export type Level = 'critical' | 'high' | 'medium' | 'low' | 'informational';
export type AlertState = 'open' | 'acknowledged' | 'closed';
export type Verdict = 'true_positive' | 'false_positive' | 'benign';
export type MachineState = 'online' | 'silent' | 'stopped' | 'asleep' | 'never';
export type AntivirusState = 'protected' | 'weak' | 'off' | 'missing' | 'unknown';

/** Text in the languages a rule has; English is always there. */
export interface Text {
  en: string;
  vi?: string | null;
}

export interface List<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface Person {
  name: string;
  full_name: string;
  role: string;
  /** Whether they see all agencies. */
  whole: boolean;
  agencies: number[];
  must_change: boolean;
  /** They must set up a second factor before anything else. */
  must_enrol: boolean;
  second_factor: boolean;
  permissions: Permission[];
}

/** What a route may need; `collector/src/access/role.rs` says who has it. */
export type Permission =
  | 'for_anybody'
  | 'see_alerts'
  | 'handle_alerts'
  | 'see_machines'
  | 'change_machines'
  | 'approve_ports'
  | 'see_events'
  | 'hunt'
  | 'see_agencies'
  | 'manage_agencies'
  | 'make_tokens'
  | 'see_rules'
  | 'draft_rules'
  | 'manage_rules'
  | 'see_configurations'
  | 'change_configurations'
  | 'see_archive'
  | 'manage_archive'
  | 'see_audit'
  | 'see_operators'
  | 'manage_operators';

export interface AgencyRef {
  id: number;
  code: string;
  name: string;
}

export interface AntivirusCounts {
  protected: number;
  weak: number;
  unprotected: number;
  unknown: number;
  coverage: number | null;
  /** Most first; a machine may have several reasons. */
  weak_reasons: { reason: string; machines: number }[];
  /** Null where nobody looks for machines without an agent. */
  without_agent: number | null;
}

export interface Agency extends AgencyRef {
  /** Of a past agency the first of those that took it over. */
  parent: number | null;
  /** First day; empty where nobody wrote it down. */
  from: string;
  /** First day it was no more; null while it is. */
  until: string | null;
  version: number;
  machines: number;
  online: number;
  antivirus_coverage: number | null;
  antivirus: AntivirusCounts;
}

export interface AlertRow {
  id: string;
  number: number;
  rule: string;
  title: Text;
  level: Level;
  /** As the rule says; `raised_by` says why the level is higher here. */
  rule_level: Level;
  raised_by: { because: string; name: string; level: number; steps: number }[];
  state: AlertState;
  verdict: Verdict | null;
  /** Grows with everything people do to it. */
  version: number;
  /** Planned work it began under; `until` null: it went on afterwards. */
  silence: { id: number; until: string | null } | null;
  machine: { id: string; hostname: string } | null;
  agency: AgencyRef | null;
  group: Record<string, FieldValue>;
  count: number;
  starts_at: string;
  last_at: string;
  raised_at: string;
  late: boolean;
  assignee: string | null;
}

/** Why a rule matched: `start` and `end` are byte offsets in the UTF-8 of `value`. */
export interface Predicate {
  selection: string;
  field: string | null;
  modifiers: string;
  pattern: string;
  value: string;
  start: number | null;
  end: number | null;
}

export interface HistoryEntry {
  at: string;
  who: string;
  action: string;
  comment: string | null;
  /** The verdict, or to whom, or the number of the exception. */
  about: string | null;
}

export interface Alert extends AlertRow {
  description: Text;
  steps: { en: string[]; vi?: string[] | null };
  tags: string[];
  fingerprint: string;
  correlation: { count: number; first_at: string; last_at: string } | null;
  events: EventView[];
  predicates: Predicate[];
  history: HistoryEntry[];
}

export type Scalar = string | number | boolean | null;
export type FieldValue = Scalar | Scalar[];
export type Fields = Record<string, FieldValue>;

export interface EventView {
  position: number;
  id: string;
  received: string;
  time: string;
  kind: string;
  logsource: { product?: string | null; category?: string | null; service?: string | null };
  fields: Fields;
  raw: string | null;
  machine: { id: string; hostname: string } | null;
}

export interface Antivirus {
  state: AntivirusState;
  product: string | null;
  signatures_age_days: number | null;
  reasons: string[];
}

export interface MachineRow {
  id: string;
  hostname: string;
  agency: AgencyRef | null;
  state: MachineState;
  last_heard: string | null;
  os: string | null;
  ip: string[];
  antivirus: Antivirus;
  open_ports: number;
  open_ports_lan: number;
  alerts_open: number;
  /** Points of its alerts, which decay. */
  risk: number;
  cpu: number | null;
  memory_used: number | null;
  disk_used: number | null;
  clock_offset_us: number | null;
  agent_version: string | null;
  /** Highest level of its information systems; 0 of none. */
  importance: number;
}

/** What people write down about a machine. */
export interface HostRecord {
  person: string;
  place: string;
  purpose: string;
  serial: string;
  asset: string;
  support_end: string | null;
  note: string;
  version: number;
  changed_at: string | null;
  changed_by: string;
}

export interface Machine extends MachineRow {
  record: HostRecord;
  systems: { id: number; code: string; name: string; level: number }[];
  inventory: Fields | null;
  antivirus_products: Fields[];
  antivirus_selftest: Fields | null;
  heartbeat: Fields | null;
  enrolled_at: string | null;
  certificate_expires_at: string | null;
  fingerprint: string | null;
}

export interface Port {
  transport: string;
  scope: 'loopback' | 'lan' | 'any' | 'namespace' | (string & {});
  address: string;
  port: number;
  process: string | null;
  executable: string | null;
  user: string | null;
  unit: string | null;
  pid: number | null;
  opened_at: string;
  closed_at: string | null;
  /** Further fields of the last event about it: `port.reachable`, `package.name`, … */
  fields: Record<string, unknown>;
  approval: PortApproval | null;
  /** Machines that have or had it, this one included; counted up to 100. */
  machines_agency: number;
  machines_fleet: number;
}

export interface PortApproval {
  id: number;
  /** Code of the agency it is for; null when it is for this machine. */
  agency: string | null;
  by: string;
  at: string;
  note: string;
}

export interface PortName {
  transport: string;
  scope: string;
  port: number;
  executable: string;
}

/** Where a program connects to; `destination` is an address, a network, or null for very many. */
export interface Connection {
  process: string | null;
  executable: string | null;
  user: string | null;
  destination: string | null;
  transport: string;
  port: number;
  count: number;
  first_at: string;
  last_at: string;
  is_new: boolean;
}

export const NEIGHBOUR_DECISIONS = ['not_a_computer', 'accepted'] as const;
export type NeighbourDecision = (typeof NEIGHBOUR_DECISIONS)[number];
export const NEIGHBOUR_COVERAGES = ['without', 'decided', 'with', 'all'] as const;

/** A machine that others see on their network. */
export interface Neighbour {
  agency: AgencyRef;
  mac: string;
  private: boolean;
  ip: string[];
  name: string | null;
  vendor: string | null;
  gateway: boolean;
  seen_by: string[];
  witnesses: { id: string; hostname: string }[];
  has_agent: boolean;
  first_seen: string;
  last_seen: string;
  decided: { decision: NeighbourDecision; reason: string; by: string; at: string } | null;
}

/** Fractions are 0..1, memory and spool in bytes and events. */
export interface Heartbeat {
  at: string;
  cpu: number | null;
  memory_used: number | null;
  memory_total: number | null;
  disk_used: number | null;
  agent_memory: number | null;
  agent_cpu: number | null;
  spool_events: number | null;
}

export type LevelCounts = Record<Level, number>;

export interface Overview {
  machines: Record<'total' | 'online' | 'silent' | 'stopped' | 'asleep', number> & {
    never?: number;
  };
  antivirus: AntivirusCounts;
  signatures_outdated: number;
  alerts: { open: LevelCounts; acknowledged: number };
  newest: AlertRow[];
  /** The agency the figures are limited to; absent from a collector that cannot limit them. */
  agency?: number | null;
  at: string;
}

export interface TimelineBucket extends LevelCounts {
  at: string;
}

export interface Timeline {
  from: string;
  to: string;
  step_s: number;
  buckets: TimelineBucket[];
}

export interface RuleRow {
  id: string;
  title: Text;
  description: Text;
  level: Level;
  tags: string[];
  path: string;
  logsource: { product?: string | null; category?: string | null; service?: string | null };
  correlation: boolean;
  alerts: boolean;
  hits: number;
  /** Events it was asked about, and those it matched, since the collector started. */
  asked: number;
  matched: number;
  /** Its part of the work of all rules since then, 0..1. */
  cost: number;
  /** Why it is not asked any more. */
  parked: Parking | null;
  /** Its alerts of the last 30 days. */
  noise: {
    alerts: number;
    hits: number;
    closed: number;
    false_positives: number;
    benign: number;
  };
  /** In force. */
  exceptions: number;
  /** Findings they hid. */
  hidden: number;
  settings: RuleSetting[];
}

/** A rule switched off or on in an agency and those below it; null: everywhere. */
export interface RuleSetting {
  agency: number | null;
  agency_name: string | null;
  enabled: boolean;
  why: string;
  who: string;
  at: string;
}

/** The event that was too much for a rule. */
export interface Parking {
  position: number;
  event: string;
  at: string;
}

export interface Problem {
  path: string;
  line: number | null;
  column: number | null;
  rule: string | null;
  what: string;
  hint: string | null;
  severity: 'error' | 'warning';
}

export interface Rules {
  version: string;
  items: RuleRow[];
  problems: Problem[];
}

export interface Token {
  token: string;
  agency: string;
  uses: number;
  expires: string | null;
  ca_pin: string;
  command: string;
}

/** Something a person or a command did. */
export interface Deed {
  number: number;
  at: string;
  who: string;
  action: string;
  subject: string;
  detail: string;
  address: string;
}

export const LEVELS: readonly Level[] = ['critical', 'high', 'medium', 'low', 'informational'];
export const VERDICTS: Verdict[] = ['true_positive', 'false_positive', 'benign'];
export const ALERT_STATES: readonly AlertState[] = ['open', 'acknowledged', 'closed'];
export const MACHINE_STATES: readonly MachineState[] = [
  'online',
  'silent',
  'stopped',
  'asleep',
  'never',
];
export const ANTIVIRUS_STATES: readonly AntivirusState[] = [
  'protected',
  'weak',
  'off',
  'missing',
  'unknown',
];

/** One version of what a scope says about its machines' agents. */
export interface ConfigurationVersion {
  version: number;
  /** `fleet`, `agency:3`, `machine:ID` */
  scope: string;
  name: string;
  /** TOML. */
  text: string;
  at: string;
  who: string;
  why: string;
  restores: number | null;
}

export interface ConfigurationView {
  scope: string;
  name: string;
  /** The one in force first. */
  versions: ConfigurationVersion[];
  /** What wider scopes say, the widest first. */
  inherited: ConfigurationVersion[];
  machines: {
    total: number;
    applied: number;
    waiting: number;
    refused: number;
    rolled_back: number;
    none: number;
  };
  troubles: {
    machine: string;
    hostname: string;
    outcome: string;
    reason: string | null;
    label: string;
    at: string;
  }[];
}

/** What is wrong with a text somebody is writing. */
export interface TextProblem {
  line: number | null;
  what: string;
  is_error: boolean;
}
