// Which health a state means.

import type { AntivirusState, MachineState } from '../api/types';

export type Tone = 'good' | 'weak' | 'bad' | 'unknown' | 'idle';

export function antivirusTone(state: AntivirusState | string | null | undefined): Tone {
  switch (state) {
    case 'protected':
      return 'good';
    case 'weak':
      return 'weak';
    case 'off':
    case 'missing':
      return 'bad';
    default:
      return 'unknown';
  }
}

export function machineTone(state: MachineState | string): Tone {
  switch (state) {
    case 'online':
      return 'good';
    case 'silent':
      return 'bad';
    case 'stopped':
    case 'asleep':
      return 'idle';
    default:
      return 'unknown';
  }
}
