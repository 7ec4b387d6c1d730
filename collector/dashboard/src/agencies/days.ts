// Days without a time of day.

import { preferences } from '../preferences.svelte';

/** `2025-07-01` as the language writes it; nothing where it is not written down. */
export function day(text: string | null): string {
  if (!text) return '–';
  const [year = 0, month = 1, date = 1] = text.split('-').map(Number);
  const at = new Date(Date.UTC(year, month - 1, date));
  const how = { day: '2-digit', month: '2-digit', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat(preferences.language === 'vi' ? 'vi' : 'en-GB', how).format(at);
}

/** Today, where this browser stands, as an input has it. */
export function today(): string {
  const now = new Date();
  const two = (number: number) => String(number).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
