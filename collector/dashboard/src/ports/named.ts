// How a port stands in an address. Pure.

import type { PortName } from '../api/types';

/** `tcp|any|22|/usr/sbin/sshd` */
export function key({ transport, scope, port, executable }: PortName): string {
  return [transport, scope, port, executable].join('|');
}

/** The port an address names; null where it names none. */
export function named(text: string | null): PortName | null {
  const [transport, scope, port, ...executable] = (text ?? '').split('|');
  const number = Number(port);
  if (!transport || !scope || !port || !Number.isInteger(number)) return null;
  return { transport, scope, port: number, executable: executable.join('|') };
}

export function name({ transport, scope, port, executable }: PortName): PortName {
  return { transport, scope, port, executable };
}
