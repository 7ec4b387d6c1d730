// Numbers as the language writes them.

import { preferences } from '../preferences.svelte';

const NONE = '–';

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = preferences.language + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(preferences.language, options);
    formats.set(key, found);
  }
  return found;
}

export function number(value: number | null | undefined, digits = 0): string {
  return value == null ? NONE : format({ maximumFractionDigits: digits }).format(value);
}

/** A fraction 0..1 as a percentage. Never rounds something up to 100 % or down to 0 %. */
export function percent(fraction: number | null | undefined, digits = 0): string {
  if (fraction == null) return NONE;
  const step = 10 ** -(digits + 2);
  const honest =
    fraction < 1 && fraction > 1 - step / 2
      ? 1 - step
      : fraction > 0 && fraction < step / 2
        ? step
        : fraction;
  return format({ style: 'percent', maximumFractionDigits: digits }).format(honest);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in binary units, three figures. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return NONE;
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${number(rest, rest < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit]}`;
}
