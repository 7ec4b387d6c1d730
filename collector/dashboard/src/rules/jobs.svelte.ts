// Look-backs, read again while one is under way.

import { backtests, type Backtest } from '../api/backtests';
import { view, type View } from '../live/view.svelte';

const AGAIN_MS = 1000;

/** All of them, the newest first; fresh as long as the component that asks lives. */
export function jobs(): View<Backtest[]> {
  const shown = view<Backtest[]>({
    key: () => '',
    read: backtests.list,
    wants: (notice) => notice.topic === 'backtest',
  });
  $effect(() => {
    const active = shown.data?.some((job) => job.state === 'waiting' || job.state === 'running');
    if (!active) return;
    const timer = setTimeout(() => void shown.reload(), AGAIN_MS);
    return () => clearTimeout(timer);
  });
  return shown;
}
