// Lines out of pieces that are cut anywhere. Pure.

export class Lines {
  private rest = '';

  /** The lines that are whole now; the last line of a stream ends with a line feed, too. */
  push(piece: string): string[] {
    const parts = (this.rest + piece).split('\n');
    this.rest = parts.pop() ?? '';
    return parts.filter((line) => line.trim() !== '');
  }
}
