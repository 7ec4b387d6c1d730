// One hunt: asked, answered piece by piece, stopped.

import { ApiError } from '../api/client';
import {
  hunts,
  type HuntColumn,
  type HuntEnd,
  type HuntFailure,
  type HuntLine,
  type HuntRequest,
  type HuntRow,
} from '../api/hunts';

export interface Progress {
  files_done: number;
  files: number;
  rows_read: number;
}

export class Hunt {
  state = $state<'none' | 'running' | 'done' | 'stopped' | 'failed'>('none');
  columns = $state.raw<HuntColumn[]>([]);
  rows = $state.raw<HuntRow[]>([]);
  /** What a search was translated to. */
  sql = $state('');
  /** What the collector has to say about the question. */
  notes = $state.raw<string[]>([]);
  /** Hunts that are answered before it; null once its turn has come. */
  before = $state<number | null>(null);
  progress = $state.raw<Progress | null>(null);
  end = $state.raw<HuntEnd | null>(null);
  failure = $state.raw<HuntFailure | null>(null);
  /** Set where the collector was not reached, or would not even listen. */
  refused = $state.raw<ApiError | null>(null);

  private id: string | null = null;
  private controller: AbortController | null = null;

  /** Whether any answer began. */
  get began(): boolean {
    return this.columns.length > 0;
  }

  async run(request: HuntRequest): Promise<void> {
    this.leave();
    const controller = new AbortController();
    this.controller = controller;
    this.clear();
    this.state = 'running';
    try {
      await hunts.run(request, controller.signal, (line) => {
        if (this.controller === controller) this.take(line);
      });
      // A stream that ends without its last line was cut off.
      if (this.controller === controller && this.state === 'running') this.broken();
    } catch (error) {
      if (controller.signal.aborted || this.controller !== controller) return;
      if (!(error instanceof ApiError) && !(error instanceof SyntaxError)) throw error;
      if (error instanceof ApiError && !this.began) this.refuse(error);
      else this.broken();
    }
  }

  /** A person has seen enough; what came stays. */
  stop(): void {
    if (this.state !== 'running') return;
    this.leave();
    this.state = 'stopped';
  }

  /** Nobody looks any more. */
  leave(): void {
    this.controller?.abort();
    this.controller = null;
    // Closing the connection stops it too; a proxy between may keep it open.
    if (this.state === 'running' && this.id !== null) void hunts.stop(this.id).catch(() => {});
    this.id = null;
  }

  private clear(): void {
    this.columns = [];
    this.rows = [];
    this.sql = '';
    this.notes = [];
    this.before = null;
    this.progress = null;
    this.end = null;
    this.failure = null;
    this.refused = null;
  }

  private take(line: HuntLine): void {
    switch (line.type) {
      case 'waiting':
        this.id = line.id;
        this.before = line.before;
        break;
      case 'begin':
        this.id = line.id;
        this.before = null;
        this.notes = line.notes ?? [];
        this.sql = line.sql;
        this.columns = line.columns;
        break;
      case 'rows':
        this.rows = this.rows.length === 0 ? line.rows : [...this.rows, ...line.rows];
        break;
      case 'progress':
        this.progress = line;
        break;
      case 'end':
        this.end = line;
        this.state = 'done';
        break;
      case 'error':
        this.failure = line;
        this.state = 'failed';
    }
  }

  private refuse(error: ApiError): void {
    this.state = 'failed';
    this.refused = error;
    this.failure = { title: error.title, detail: error.detail, position: error.place.position };
  }

  private broken(): void {
    this.refuse(new ApiError(0, '', ''));
  }
}
