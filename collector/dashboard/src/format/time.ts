// Moments as the language writes them, in the zone of the browser.

import { preferences } from '../preferences.svelte';

const NONE = '–';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  // English with days before months and 24 hours, as everybody in the room writes them.
  const locale = preferences.language === 'vi' ? 'vi-VN' : 'en-GB';
  const key = locale + name;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    formats.set(key, found);
  }
  return found;
}

const TIME: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
const SECONDS: Intl.DateTimeFormatOptions = { ...TIME, second: '2-digit' };
const DATE: Intl.DateTimeFormatOptions = { day: '2-digit', month: '2-digit', year: 'numeric' };

/** Milliseconds since 1970, or null where the text is no time. */
export function millis(at: string | number | null | undefined): number | null {
  if (at == null) return null;
  const value = typeof at === 'number' ? at : Date.parse(at);
  return Number.isNaN(value) ? null : value;
}

/** 21/11: without a year the languages of Intl write dashes here and slashes there. */
function day(at: number): string {
  const moment = new Date(at);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${two(moment.getDate())}/${two(moment.getMonth() + 1)}`;
}

/** 14:05:09 today, else 21/11 14:05, else 21/11/2025. */
export function short(at: string | number | null | undefined, now: number): string {
  const value = millis(at);
  if (value === null) return NONE;
  const then = new Date(value);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) {
    return format('seconds', SECONDS).format(then);
  }
  if (then.getFullYear() === today.getFullYear()) {
    return `${day(value)} ${format('time', TIME).format(then)}`;
  }
  return format('date', DATE).format(then);
}

/** 14:05 */
export function clock(at: number): string {
  return format('time', TIME).format(at);
}

/** 21/11/2026 */
export function date(at: string | number | null | undefined): string {
  const value = millis(at);
  return value === null ? NONE : format('date', DATE).format(value);
}

/** 21/11/2026 14:05:09 */
export function exact(at: string | number | null | undefined): string {
  const value = millis(at);
  if (value === null) return NONE;
  return `${format('date', DATE).format(value)} ${format('seconds', SECONDS).format(value)}`;
}

/** With milliseconds and the zone, for hovering over. */
export function zoned(at: string | number | null | undefined): string {
  const value = millis(at);
  if (value === null) return NONE;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const utc = new Date(value).toISOString();
  return `${exact(value)}.${utc.slice(20, 23)} (${zone}, ${offset(value)})\n${utc}`;
}

function offset(value: number): string {
  const minutes = -new Date(value).getTimezoneOffset();
  const absolute = Math.abs(minutes);
  const two = (part: number) => String(part).padStart(2, '0');
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** 3 minutes ago. */
export function relative(at: string | number | null | undefined, now: number): string {
  const value = millis(at);
  if (value === null) return NONE;
  const seconds = Math.round((value - now) / 1000);
  const style = new Intl.RelativeTimeFormat(preferences.language, { numeric: 'auto' });
  // A clock a few seconds ahead is not the future, and a count of single seconds is unrest.
  if (Math.abs(seconds) < 5) return style.format(0, 'second');
  const always = new Intl.RelativeTimeFormat(preferences.language, { numeric: 'always' });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return always.format(Math.trunc(seconds / size), unit);
  }
  return NONE;
}

/** A length of time in its largest unit: −1.095 days. */
export function duration(ms: number): string {
  const [unit, size] = STEPS.find(([, seconds]) => Math.abs(ms) >= seconds * 1000) ?? [
    'millisecond',
    0.001,
  ];
  return new Intl.NumberFormat(preferences.language, {
    style: 'unit',
    unit,
    unitDisplay: 'long',
    maximumFractionDigits: 1,
  }).format(ms / 1000 / size);
}

/** A label on an axis that spans `spanMs`. */
export function tick(at: number, spanMs: number): string {
  if (spanMs <= 36 * 3_600_000) return format('time', TIME).format(at);
  return day(at);
}

/** From and to of a bar: 21/11 14:00 – 14:30. */
export function span(from: number, to: number): string {
  const time = format('time', TIME);
  return `${day(from)} ${time.format(from)} – ${time.format(to)}`;
}
