// What a part of the page shows: read through the API, read again when a notice concerns it.

import { onMount, untrack } from 'svelte';
import { ApiError } from '../api/client';
import { live, type Notice } from './live.svelte';
import { Pulse } from './pulse';

export interface ViewOptions<T> {
  /** Reads it. What it reads of reactive state decides when it is read anew. */
  key: () => string | null;
  read: (signal: AbortSignal, before: T | null) => Promise<T>;
  /** Whether a notice concerns it. */
  wants?: (notice: Notice) => boolean;
  /** Whether a notice concerns it, but so slightly that a second later will do. */
  wantsLater?: (notice: Notice) => boolean;
  /** Least time between two reads for notices. */
  gapMs?: number;
  /** Whether another key means another thing: nothing of the old one may stay on screen. */
  clear?: boolean;
}

/** After this a skeleton is shown; sooner it would only flicker. */
const SLOW_MS = 300;
const GAP_MS = 120;
const LATER_MS = 1000;

export class View<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  slow = $state(false);
  /** When `data` was read. */
  at = $state<number | null>(null);

  private controller: AbortController | null = null;
  private slowTimer: ReturnType<typeof setTimeout> | undefined;
  private laterTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly pulse: Pulse;

  constructor(private readonly options: ViewOptions<T>) {
    this.pulse = new Pulse(() => this.load(), options.gapMs ?? GAP_MS);
  }

  /** Reads it again now: a person asked, or another thing is to be shown. */
  reload = (): Promise<void> => this.load();

  /** Something changed on the collector. */
  hear(notice: Notice): void {
    if (notice.topic === 'all' || this.options.wants?.(notice)) this.pulse.beat();
    else if (this.options.wantsLater?.(notice)) this.later();
  }

  private later(): void {
    this.laterTimer ??= setTimeout(() => {
      this.laterTimer = undefined;
      this.pulse.beat();
    }, LATER_MS);
  }

  /** Shows something already known, such as the answer to an action. */
  put(data: T): void {
    this.controller?.abort();
    this.settle(data, null);
  }

  stop(): void {
    this.pulse.stop();
    this.controller?.abort();
    clearTimeout(this.slowTimer);
    clearTimeout(this.laterTimer);
  }

  async load(): Promise<void> {
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    this.loading = true;
    clearTimeout(this.slowTimer);
    this.slowTimer = setTimeout(() => (this.slow = this.loading), SLOW_MS);
    try {
      const data = await this.options.read(controller.signal, this.data);
      if (!controller.signal.aborted) this.settle(data, null);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (error instanceof ApiError) this.settle(this.data, error);
      else throw error;
    }
  }

  forget(): void {
    this.data = null;
    this.error = null;
    this.at = null;
  }

  private settle(data: T | null, error: ApiError | null): void {
    clearTimeout(this.slowTimer);
    this.loading = false;
    this.slow = false;
    this.error = error;
    this.data = data;
    if (!error) this.at = Date.now();
  }
}

/** A view that lives as long as the component that makes it. A null key reads nothing. */
export function view<T>(options: ViewOptions<T>): View<T> {
  const made = new View(options);
  $effect(() => {
    const key = options.key();
    untrack(() => {
      if (options.clear) made.forget();
      if (key !== null) void made.load();
    });
  });
  onMount(() => {
    const deaf = live.listen((notice) => {
      if (options.key() !== null) made.hear(notice);
    });
    return () => {
      deaf();
      made.stop();
    };
  });
  return made;
}
