// What a person has chosen, kept in this browser.

import { languageOf, type Language } from './i18n/say';

export type Theme = 'auto' | 'dark' | 'light';

interface Kept {
  theme: Theme;
  language: Language;
  railOpen: boolean;
  columns: Record<string, string[]>;
}

const KEY = 'soc.preferences';

function read(): Kept {
  const kept: Kept = {
    theme: 'auto',
    language: languageOf(navigator.languages ?? [navigator.language]),
    railOpen: true,
    columns: {},
  };
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>;
    if (stored.theme === 'dark' || stored.theme === 'light') kept.theme = stored.theme;
    if (stored.language === 'vi' || stored.language === 'en') kept.language = stored.language;
    if (stored.railOpen === false) kept.railOpen = false;
    if (stored.columns && typeof stored.columns === 'object') kept.columns = stored.columns;
  } catch {
    // Refused or spoilt storage: the defaults do.
  }
  return kept;
}

class Preferences {
  private kept = $state<Kept>(read());

  get theme(): Theme {
    return this.kept.theme;
  }
  set theme(theme: Theme) {
    this.kept.theme = theme;
    this.apply();
  }
  get language(): Language {
    return this.kept.language;
  }
  set language(language: Language) {
    this.kept.language = language;
    this.apply();
  }
  get railOpen(): boolean {
    return this.kept.railOpen;
  }
  set railOpen(open: boolean) {
    this.kept.railOpen = open;
    this.apply();
  }

  /** The columns a person has hidden from a table. */
  hidden(table: string): string[] {
    return this.kept.columns[table] ?? [];
  }
  hide(table: string, columns: string[]): void {
    this.kept.columns[table] = columns;
    this.apply();
  }

  /** Makes the document follow, and keeps the choice. */
  apply(): void {
    const root = document.documentElement;
    root.lang = this.kept.language;
    if (this.kept.theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = this.kept.theme;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.kept));
    } catch {
      // Not kept, but it holds until the page is closed.
    }
  }
}

export const preferences = new Preferences();
