// The last hunts of this browser; nobody else sees them.

import type { HuntLanguage } from '../api/hunts';

export interface Recent {
  text: string;
  language: HuntLanguage;
}

const KEY = 'soc.hunts';
const MOST = 20;

function read(): Recent[] {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '[]') as unknown;
    if (!Array.isArray(kept)) return [];
    return kept.filter(
      (one): one is Recent =>
        typeof one?.text === 'string' && (one.language === 'search' || one.language === 'sql'),
    );
  } catch {
    // Refused or spoilt storage: nothing was kept.
    return [];
  }
}

class RecentHunts {
  list = $state.raw<Recent[]>(read());

  add(text: string, language: HuntLanguage): void {
    if (text.trim() === '') return;
    const others = this.list.filter((one) => one.text !== text || one.language !== language);
    this.keep([{ text, language }, ...others].slice(0, MOST));
  }

  clear(): void {
    this.keep([]);
  }

  private keep(list: Recent[]): void {
    this.list = list;
    try {
      localStorage.setItem(KEY, JSON.stringify(list));
    } catch {
      // It holds until the page is closed.
    }
  }
}

export const recent = new RecentHunts();
