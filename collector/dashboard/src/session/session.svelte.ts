// Who is signed in.

import { ApiError, onSignedOut } from '../api/client';
import { session as api } from '../api/endpoints';
import type { Permission, Person } from '../api/types';
import { live } from '../live/live.svelte';

class Session {
  /** Unknown until the collector has answered the first time. */
  state = $state<'unknown' | 'out' | 'in' | 'unreachable'>('unknown');
  person = $state<Person | null>(null);
  /** The session ended by itself, which the sign-in page says. */
  ended = $state(false);

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

  /** Whether this person is allowed it; the collector checks by itself. */
  may(permission: Permission): boolean {
    return this.person?.permissions.includes(permission) ?? false;
  }

  async open(name: string, password: string, code = ''): Promise<void> {
    this.enter(await api.open(name, password, code));
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

  /** Reads again who it is: a second factor was set up or taken away. */
  async again(): Promise<void> {
    this.enter(await api.read());
  }

  private enter(person: Person): void {
    this.person = person;
    this.ended = false;
    this.state = 'in';
    if (!person.must_change && !person.must_enrol) live.start(() => this.lost());
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
