// Which lines differ: the longest common run of lines stays, the rest was taken away or added.

export interface Line {
  sign: ' ' | '-' | '+';
  text: string;
}

/** Texts are at most some hundred lines: the plain table is quick enough. */
export function diff(before: string, after: string): Line[] {
  const [old, now] = [lines(before), lines(after)];
  // common[i][j]: lines in common of what follows i and j.
  const common = Array.from({ length: old.length + 1 }, () =>
    new Array<number>(now.length + 1).fill(0),
  );
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const row = common[i];
      if (!row) continue;
      row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const result: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      result.push({ sign: ' ', text: old[i++] ?? '' });
      j++;
    } else if (j >= now.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) {
      result.push({ sign: '-', text: old[i++] ?? '' });
    } else {
      result.push({ sign: '+', text: now[j++] ?? '' });
    }
  }
  return result;
}

/** A line feed at the end makes no line of its own. */
function lines(text: string): string[] {
  const all = text.replaceAll('\r\n', '\n').split('\n');
  if (all.at(-1) === '') all.pop();
  return all;
}
