// Reads server-sent events from bytes (WHATWG HTML, section 9.2). Pure.

export interface Message {
  event: string;
  data: string;
}

/** Keeps what is not yet a whole message between two pieces of the stream. */
export class Parser {
  private rest = '';
  private event = '';
  private data: string[] = [];

  /** The messages that `piece` completes. Comments complete none, but they are signs of life. */
  push(piece: string): Message[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? '';
    const done: Message[] = [];
    for (const line of lines) {
      if (line === '') this.finish(done);
      else this.take(line);
    }
    return done;
  }

  private take(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
  }

  private finish(done: Message[]): void {
    if (this.event !== '' || this.data.length > 0) {
      done.push({ event: this.event || 'message', data: this.data.join('\n') });
    }
    this.event = '';
    this.data = [];
  }
}
