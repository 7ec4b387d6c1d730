// Who is signed in.

import { ApiError, onSignedOut } from '../api/client';
import { session as api } from '../api/endpoints';
import type { Person } from '../api/types';
import { live } from '../live/live.svelte';

class Session {
  /** Unknown until the collector has answered the first time. */
  state = $state<'unknown' | 'out' | 'in' | 'unreachable'>('unknown');
  person = $state<Person | null>(null);
  /** The session ended by itself, which the sign-in page says. */
  ended = $state(false);
  /** Bound to agencies: may hunt, and nothing else. */
  readonly isAnalyst = $derived(this.person?.role === 'analyst');

  constructor() {
    onSignedOut(() => this.lost());
  }

  /** Asks the collector whether this browser has a session. */
  async restore(): Promise<void> {
    try {
      this.enter(await api.read());
    } catch (error) {
      this.state = error instanceof ApiError && error.status === 401 ? 'out' : 'unreachable';
    }
  }

  async open(name: string, password: string): Promise<void> {
    this.enter(await api.open(name, password));
  }

  async close(): Promise<void> {
    await api.close().catch(() => {});
    this.leave();
  }

  /** Also the first change, which the collector asks for. */
  async changePassword(old: string, fresh: string): Promise<void> {
    await api.changePassword(old, fresh);
    if (this.person) this.enter({ ...this.person, must_change: false });
  }

  private enter(person: Person): void {
    this.person = person;
    this.ended = false;
    this.state = 'in';
    // What changes is not told to those who may not read it.
    if (!person.must_change && !this.isAnalyst) live.start(() => this.lost());
  }

  private lost(): void {
    if (this.state !== 'in') return;
    this.leave();
    this.ended = true;
  }

  private leave(): void {
    live.stop();
    this.person = null;
    this.state = 'out';
  }
}

export const session = new Session();
