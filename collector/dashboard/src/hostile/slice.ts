// The collector counts in bytes of UTF-8, the browser in UTF-16 units.

export interface Parts {
  before: string;
  matched: string;
  after: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The value cut at the byte range that matched, or null where there is no such range. */
export function parts(value: string, start: number | null, end: number | null): Parts | null {
  if (start === null || end === null || start < 0 || end <= start) return null;
  const bytes = encoder.encode(value);
  if (end > bytes.length || !atLetter(bytes, start) || !atLetter(bytes, end)) return null;
  return {
    before: decoder.decode(bytes.subarray(0, start)),
    matched: decoder.decode(bytes.subarray(start, end)),
    after: decoder.decode(bytes.subarray(end)),
  };
}

function atLetter(bytes: Uint8Array, offset: number): boolean {
  const byte = bytes[offset];
  return byte === undefined || (byte & 0xc0) !== 0x80;
}
