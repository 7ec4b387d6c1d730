// Techniques by tactic, in the order of the ATT&CK matrix.

import type { Technique } from '../api/triage';
import { TACTICS_OF } from './tactics';

/** Source: attack.mitre.org, Enterprise matrix. */
export const TACTICS = [
  'reconnaissance',
  'resource-development',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'stealth',
  'defense-impairment',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact',
];

/** Newer names for parts of one tactic. */
const PART_OF: Record<string, string> = {
  stealth: 'defense-evasion',
  'defense-impairment': 'defense-evasion',
};

export interface Tactic {
  /** Empty: techniques of which no tactic is known. */
  id: string;
  techniques: Technique[];
}

/** Where a technique stands: in those of its tactics that its rules name, else in all of them; one we
    do not know where its rules say. */
export function tacticsOf(technique: Technique): string[] {
  const named = technique.tactics.filter((tactic) => TACTICS.includes(tactic));
  const known = TACTICS_OF[technique.id.split('.')[0] ?? '']?.split(' ');
  if (!known) return named.length > 0 ? named : [''];
  const both = named.filter((tactic) => known.includes(PART_OF[tactic] ?? tactic));
  return both.length > 0 ? both : known;
}

/** Only tactics that have techniques. */
export function matrix(techniques: Technique[]): Tactic[] {
  return [...TACTICS, '']
    .map((id) => ({ id, techniques: techniques.filter((one) => tacticsOf(one).includes(id)) }))
    .filter((tactic) => tactic.techniques.length > 0);
}
