// Rules that look back over what was kept.

import { get, post, remove } from './client';
import type { EventView } from './types';

export type BacktestState = 'waiting' | 'running' | 'done' | 'stopped' | 'failed';

export interface Backtest {
  id: string;
  /** Id of the rule; null for a draft. */
  rule: string | null;
  title: string;
  reason: 'asked' | 'rule_added' | 'rule_changed' | 'list_changed' | (string & {});
  state: BacktestState;
  from: string;
  to: string;
  events_done: number;
  events_total: number;
  matches: number;
  hosts: number;
  first: string | null;
  last: string | null;
  by_day: { date: string; count: number }[];
  samples: EventView[];
  /** Files of the archive that could not be read and were left out. */
  missing?: string[];
  error: string | null;
  /** Empty where the collector did it by itself. */
  who: string;
  began_at: string | null;
  ended_at: string | null;
}

const id = encodeURIComponent;

export const backtests = {
  list: (signal?: AbortSignal) => get<Backtest[]>('/backtests', signal),
  read: (job: string, signal?: AbortSignal) => get<Backtest>(`/backtests/${id(job)}`, signal),
  /** Of a rule there is, or of a draft's text, which may hold several: `ids` are all of them. */
  ask: (of: { rule?: string; rule_id?: string; from: string; to: string }) =>
    post<{ id: string; ids?: string[] }>('/backtests', of),
  /** Stops one that waits or runs; forgets one that ended. */
  end: (job: string) => remove(`/backtests/${id(job)}`),
};
