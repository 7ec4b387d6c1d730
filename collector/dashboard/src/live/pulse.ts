// Turns a storm of notices into few reads: the first at once, the rest together, never two at a time.

export interface Clock {
  now(): number;
  after(ms: number, act: () => void): () => void;
}

export const browserClock: Clock = {
  now: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

export class Pulse {
  private busy = false;
  private wanted = false;
  private readyAt = 0;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly work: () => Promise<unknown>,
    private readonly gapMs: number,
    private readonly clock: Clock = browserClock,
  ) {}

  /** Something changed: work now, or as soon as the gap and the running work allow. */
  beat(): void {
    this.wanted = true;
    this.next();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
    this.wanted = false;
  }

  private next(): void {
    if (!this.wanted || this.busy || this.cancel) return;
    const wait = this.readyAt - this.clock.now();
    if (wait <= 0) {
      void this.run();
      return;
    }
    this.cancel = this.clock.after(wait, () => {
      this.cancel = null;
      this.next();
    });
  }

  private async run(): Promise<void> {
    this.busy = true;
    this.wanted = false;
    const began = this.clock.now();
    try {
      await this.work();
    } finally {
      this.busy = false;
      // A slow collector is asked less often: at most half of the time is spent reading.
      this.readyAt = began + Math.max(this.gapMs, 2 * (this.clock.now() - began));
      this.next();
    }
  }
}
