// Text that others wrote, made safe to look at: what would be invisible, or would move other text,
// becomes a mark. Pure.

/** A stretch of plain text, or one mark that stands for what was there. */
export type Run = { text: string } | { mark: string; name: string };

const C0 = [
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI',
  'DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US',
].flatMap((row) => row.split(' '));

const NAMES: Record<number, string> = {
  0x00a0: 'NO-BREAK SPACE',
  0x00ad: 'SOFT HYPHEN',
  0x034f: 'COMBINING GRAPHEME JOINER',
  0x061c: 'ARABIC LETTER MARK',
  0x200b: 'ZERO WIDTH SPACE',
  0x200c: 'ZERO WIDTH NON-JOINER',
  0x200d: 'ZERO WIDTH JOINER',
  0x200e: 'LEFT-TO-RIGHT MARK',
  0x200f: 'RIGHT-TO-LEFT MARK',
  0x2028: 'LINE SEPARATOR',
  0x2029: 'PARAGRAPH SEPARATOR',
  0x202a: 'LEFT-TO-RIGHT EMBEDDING',
  0x202b: 'RIGHT-TO-LEFT EMBEDDING',
  0x202c: 'POP DIRECTIONAL FORMATTING',
  0x202d: 'LEFT-TO-RIGHT OVERRIDE',
  0x202e: 'RIGHT-TO-LEFT OVERRIDE',
  0x2060: 'WORD JOINER',
  0x2066: 'LEFT-TO-RIGHT ISOLATE',
  0x2067: 'RIGHT-TO-LEFT ISOLATE',
  0x2068: 'FIRST STRONG ISOLATE',
  0x2069: 'POP DIRECTIONAL ISOLATE',
  0xfeff: 'ZERO WIDTH NO-BREAK SPACE',
};

// In this order: a whole terminal escape sequence (ECMA-48 CSI and OSC), anything that is control,
// format, a lone surrogate or a separator, letters that draw nothing, odd spaces, and towers of
// more than three combining marks (Vietnamese needs two).
const HOSTILE = new RegExp(
  [
    '\\u001b\\[[0-?]*[ -/]*[@-~]',
    '\\u001b\\][^\\u0007\\u001b]{0,200}(?:\\u0007|\\u001b\\\\)',
    '[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Cn}\\p{Co}]',
    '[\\u034f\\u115f\\u1160\\u2800\\u3164\\uffa0\\ufe00-\\ufe0f]',
    '[\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]',
    '\\p{M}{4,}',
  ].join('|'),
  'gu',
);

/** Splits a text into what can be shown as it is and marks for what cannot. */
export function visible(text: string): Run[] {
  const runs: Run[] = [];
  let shown = 0;
  for (const found of text.matchAll(HOSTILE)) {
    if (found.index > shown) runs.push({ text: text.slice(shown, found.index) });
    runs.push(mark(found[0]));
    shown = found.index + found[0].length;
  }
  if (shown < text.length || runs.length === 0) runs.push({ text: text.slice(shown) });
  return runs;
}

/** The same for places that hold text only, such as a title or a label. */
export function visibleText(text: string): string {
  return visible(text)
    .map((run) => ('text' in run ? run.text : `[${run.mark}]`))
    .join('');
}

function mark(found: string): Run {
  const code = found.codePointAt(0) ?? 0;
  const plain = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  if (code === 0x1b && found.length > 1) {
    return { mark: `ESC ${visibleText(found.slice(1))}`, name: 'ESC' };
  }
  if (code < 0x20) return control(code, plain);
  if (code === 0x7f) return { mark: 'DEL', name: plain };
  if (/^\p{M}{4,}$/u.test(found)) return { mark: `${plain} ×${[...found].length}`, name: plain };
  const name = NAMES[code];
  return { mark: plain, name: name ? `${plain} ${name}` : plain };
}

function control(code: number, plain: string): Run {
  if (code === 0x09) return { mark: '⇥', name: `${plain} TAB` };
  if (code === 0x0a) return { mark: '↵', name: `${plain} LF` };
  return { mark: C0[code] ?? plain, name: `${plain} ${C0[code] ?? ''}` };
}
