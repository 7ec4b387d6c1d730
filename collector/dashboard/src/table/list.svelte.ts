// A list of the API that is read page by page as a person scrolls, and kept fresh as far as it was read.

import type { List } from '../api/types';
import type { Query } from '../api/client';
import type { Notice } from '../live/live.svelte';
import { view, type View } from '../live/view.svelte';

const PAGE = 200;
const PAGE_MAX = 1000;
/** Sorting and export read the whole list up to here, and say so where it is longer. */
export const WHOLE_MAX = 10_000;

export interface ListOptions<T> {
  query: () => Query;
  read: (query: Query, signal?: AbortSignal) => Promise<List<T>>;
  id: (row: T) => string;
  wants: (notice: Notice) => boolean;
  wantsLater?: (notice: Notice) => boolean;
  /** Whether all rows are needed, for sorting by a column the collector does not sort by. */
  whole: () => boolean;
}

export class PagedList<T> {
  readonly view: View<List<T>>;
  private wanted = PAGE;
  private asked = '';
  private busy = false;

  constructor(private readonly options: ListOptions<T>) {
    this.view = view<List<T>>({
      key: () => this.key(),
      read: (signal) => this.upTo(this.wanted, signal),
      wants: options.wants,
      wantsLater: (notice) => options.wantsLater?.(notice) ?? false,
    });
  }

  /** Another question starts at its first page; a notice about the same one does not. */
  private key(): string {
    const whole = this.options.whole();
    const key = JSON.stringify([whole, this.options.query()]);
    if (key !== this.asked) this.wanted = whole ? WHOLE_MAX : PAGE;
    this.asked = key;
    return key;
  }

  get items(): T[] {
    return this.view.data?.items ?? [];
  }

  get total(): number {
    return this.view.data?.total ?? 0;
  }

  /** Whether rows are missing that were asked for in whole. */
  get partial(): boolean {
    return this.options.whole() && this.view.data?.next != null;
  }

  /** The end of what was read is near: reads a page more. */
  more = async (): Promise<void> => {
    const data = this.view.data;
    if (this.busy || !data?.next || this.view.loading) return;
    this.busy = true;
    try {
      const page = await this.options.read({
        ...this.options.query(),
        limit: PAGE,
        cursor: data.next,
      });
      // What was read anew meanwhile is fresher.
      if (this.view.data === data) {
        this.view.put({ ...page, items: this.joined(data.items, page.items) });
        this.wanted = Math.min(WHOLE_MAX, Math.max(this.wanted, this.items.length));
      }
    } catch {
      // Scrolling asks again.
    } finally {
      this.busy = false;
    }
  };

  /** Everything there is up to `WHOLE_MAX`, for an export. */
  all(): Promise<List<T>> {
    return this.upTo(WHOLE_MAX);
  }

  private async upTo(count: number, signal?: AbortSignal): Promise<List<T>> {
    let list: List<T> = { items: [], next: null, total: 0 };
    do {
      const limit = Math.min(PAGE_MAX, count - list.items.length);
      const page = await this.options.read(
        { ...this.options.query(), limit, cursor: list.next },
        signal,
      );
      list = { ...page, items: this.joined(list.items, page.items) };
    } while (list.next !== null && list.items.length < count);
    return list;
  }

  /** A row that moved between two pages while they were read stands once, where it was first. */
  private joined(one: T[], other: T[]): T[] {
    const rows = new Map(one.map((row) => [this.options.id(row), row]));
    for (const row of other) {
      if (!rows.has(this.options.id(row))) rows.set(this.options.id(row), row);
    }
    return [...rows.values()];
  }
}
