// Coverage of agencies with all below them. Pure.

import type { Agency } from '../api/types';
import { below, rows } from '../frame/tree';

export interface Line {
  agency: Agency;
  /** Whether there are agencies below it. */
  leads: boolean;
  machines: number;
  protected: number;
  weak: number;
  unprotected: number;
  unknown: number;
  /** Null where nobody looks for machines without an agent. */
  without_agent: number | null;
  coverage: number | null;
}

export function lines(all: Agency[], chosen: number | null): Line[] {
  const found = rows(all, chosen);
  const own = all.find((one) => one.id === chosen);
  const subtrees = found.map((agency) => line(agency, below(all, agency.id)));
  // What the chosen agency has itself stands first.
  return own && own.machines > 0 ? [line(own, [own]), ...subtrees] : subtrees;
}

/** The worst first: most machines that are not protected, then by name. */
export function worst(one: Line, other: Line): number {
  return (
    other.machines - other.protected - (one.machines - one.protected) ||
    one.agency.name.localeCompare(other.agency.name, 'vi')
  );
}

function line(agency: Agency, parts: Agency[]): Line {
  const sum = (of: (part: Agency) => number) => parts.reduce((all, part) => all + of(part), 0);
  const counted = parts.flatMap((part) => part.antivirus.without_agent ?? []);
  const machines = sum((part) => part.machines);
  const good = sum((part) => part.antivirus.protected);
  return {
    agency,
    leads: parts.length > 1,
    machines,
    protected: good,
    weak: sum((part) => part.antivirus.weak),
    unprotected: sum((part) => part.antivirus.unprotected),
    unknown: sum((part) => part.antivirus.unknown),
    without_agent: counted.length > 0 ? counted.reduce((all, count) => all + count, 0) : null,
    coverage: machines > 0 ? good / machines : null,
  };
}
