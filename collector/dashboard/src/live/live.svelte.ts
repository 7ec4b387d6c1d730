// The live connection: says what has changed, mends itself, and tells everybody to read again
// when something may have been missed.

import { BASE } from '../api/client';
import { waitMs } from './backoff';
import { Parser, type Message } from './sse';

export interface Notice {
  topic: 'alert' | 'machine' | 'rules' | 'backtest' | 'all';
  id?: string;
  agency?: number;
}

type Listener = (notice: Notice) => void;

/** The collector sends a comment every 15 s; past this the line is dead whatever TCP believes. */
const SILENCE_MAX_MS = 40_000;

class Live {
  state = $state<'connecting' | 'live' | 'lost'>('connecting');
  /** When the connection was lost, for the age of what is shown. */
  lostAt = $state<number | null>(null);
  /** The collector was replaced by another version: the page itself should be loaded again. */
  outdated = $state(false);

  private listeners = new Set<Listener>();
  private attempt = 0;
  private version: string | null = null;
  private controller: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private signedOut: () => void = () => {};

  /** Connects, and stays connected until `stop`. */
  start(signedOut: () => void): void {
    this.stop();
    this.signedOut = signedOut;
    this.state = 'connecting';
    window.addEventListener('online', this.retry);
    document.addEventListener('visibilitychange', this.retry);
    void this.connect();
  }

  stop(): void {
    window.removeEventListener('online', this.retry);
    document.removeEventListener('visibilitychange', this.retry);
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.controller?.abort();
    this.controller = null;
    this.attempt = 0;
  }

  /** Hears notices until the returned function is called. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tries at once when the connection is lost: the network came back, or somebody looks. */
  retry = (): void => {
    if (this.state === 'lost' && document.visibilityState === 'visible') {
      clearTimeout(this.timer);
      void this.connect();
    }
  };

  private async connect(): Promise<void> {
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    this.alive(controller);
    try {
      const response = await fetch(`${BASE}/live`, {
        headers: { Accept: 'text/event-stream' },
        credentials: 'same-origin',
        cache: 'no-store',
        signal: controller.signal,
      });
      if (response.status === 401) return this.signedOut();
      if (response.ok && response.body) await this.read(response.body, controller);
    } catch {
      // Any cause ends the same way: lost, and tried again.
    }
    if (this.controller === controller) this.lost();
  }

  private async read(body: ReadableStream<Uint8Array>, controller: AbortController): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const parser = new Parser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.alive(controller);
      for (const message of parser.push(decoder.decode(value, { stream: true })))
        this.hear(message);
    }
  }

  private alive(controller: AbortController): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => controller.abort(), SILENCE_MAX_MS);
  }

  private hear(message: Message): void {
    switch (message.event) {
      case 'hello':
        return this.welcomed(message.data);
      case 'lagged':
        return this.tell({ topic: 'all' });
      case 'alert':
      case 'machine':
      case 'rules':
      case 'backtest':
        this.tell({ ...(parse(message.data) as Partial<Notice>), topic: message.event });
    }
  }

  private welcomed(data: string): void {
    const { version } = parse(data) as { version?: string };
    if (version && this.version && version !== this.version) this.outdated = true;
    this.version = version ?? this.version;
    this.attempt = 0;
    this.state = 'live';
    this.lostAt = null;
    this.tell({ topic: 'all' });
  }

  private lost(): void {
    clearTimeout(this.watchdog);
    this.state = 'lost';
    this.lostAt ??= Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), waitMs(this.attempt++, Math.random()));
  }

  private tell(notice: Notice): void {
    for (const listener of this.listeners) listener(notice);
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}

export const live = new Live();
