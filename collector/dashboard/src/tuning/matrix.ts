// Techniques by tactic, in the order of the ATT&CK matrix.

import type { Technique } from '../api/triage';

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

export interface Tactic {
  /** Empty: techniques whose rules name no tactic. */
  id: string;
  techniques: Technique[];
}

/** Only tactics that have techniques; a technique stands in each of its tactics. */
export function matrix(techniques: Technique[]): Tactic[] {
  const of = (id: string) =>
    techniques.filter((technique) =>
      id === ''
        ? !technique.tactics.some((tactic) => TACTICS.includes(tactic))
        : technique.tactics.includes(id),
    );
  return [...TACTICS, '']
    .map((id) => ({ id, techniques: of(id) }))
    .filter((tactic) => tactic.techniques.length > 0);
}
