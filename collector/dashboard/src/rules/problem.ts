// Places of problems, as the collector writes them. Pure.

/** The line of the first problem of a draft: `draft.yml:12:7: error: …`. */
export function lineOf(detail: string): number | null {
  const line = /^[^\s:]+\.ya?ml:(\d+)/m.exec(detail)?.[1];
  return line === undefined ? null : Number(line);
}
