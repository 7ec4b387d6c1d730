import { describe, expect, test } from 'vitest';
import { waitMs } from '../src/live/backoff';
import { Pulse, type Clock } from '../src/live/pulse';
import { Parser } from '../src/live/sse';

describe('server-sent events', () => {
  const STREAM = ': hi\n\nevent: alert\ndata: {"id":"a"}\n\ndata: x\r\ndata: y\r\n\r\n';
  const MESSAGES = [
    { event: 'alert', data: '{"id":"a"}' },
    { event: 'message', data: 'x\ny' },
  ];

  test('messages are read, comments are not', () => {
    expect(new Parser().push(STREAM)).toEqual(MESSAGES);
  });

  test('a stream cut at any place between lines gives the same messages', () => {
    const lines = STREAM.replaceAll('\r\n', '\n');
    for (let cut = 0; cut <= lines.length; cut += 1) {
      const parser = new Parser();
      expect([...parser.push(lines.slice(0, cut)), ...parser.push(lines.slice(cut))]).toEqual(
        MESSAGES,
      );
    }
  });
});

test('the wait between attempts grows to 15 s and is spread', () => {
  expect(waitMs(0, 1)).toBe(500);
  expect(waitMs(3, 1)).toBe(4000);
  expect(waitMs(99, 1)).toBe(15_000);
  expect(waitMs(99, 0)).toBe(7500);
});

/** A clock that only moves when told to. */
class Hand implements Clock {
  at = 0;
  waiting: { at: number; act: () => void }[] = [];
  now = () => this.at;
  after = (ms: number, act: () => void) => {
    const one = { at: this.at + ms, act };
    this.waiting.push(one);
    return () => void (this.waiting = this.waiting.filter((other) => other !== one));
  };
  async move(ms: number) {
    this.at += ms;
    const due = this.waiting.filter((one) => one.at <= this.at);
    this.waiting = this.waiting.filter((one) => one.at > this.at);
    due.forEach((one) => one.act());
    await Promise.resolve();
    await Promise.resolve();
  }
}

describe('pulse', () => {
  test('the first notice is answered at once, the rest of a storm once more', async () => {
    const clock = new Hand();
    let reads = 0;
    const pulse = new Pulse(async () => void (reads += 1), 150, clock);
    pulse.beat();
    expect(reads).toBe(1);
    for (let beat = 0; beat < 50; beat += 1) pulse.beat();
    await clock.move(0);
    expect(reads).toBe(1);
    await clock.move(150);
    expect(reads).toBe(2);
    await clock.move(1000);
    expect(reads).toBe(2);
  });

  test('two reads never run side by side, and what came meanwhile is read after', async () => {
    const clock = new Hand();
    const ends: (() => void)[] = [];
    const pulse = new Pulse(() => new Promise<void>((end) => ends.push(end)), 150, clock);
    pulse.beat();
    pulse.beat();
    await clock.move(400);
    expect(ends.length).toBe(1);
    ends[0]?.();
    await clock.move(0);
    // The read took 400 ms: as long again passes before the next.
    expect(ends.length).toBe(1);
    await clock.move(400);
    expect(ends.length).toBe(2);
  });

  test('a stopped pulse is silent', async () => {
    const clock = new Hand();
    let reads = 0;
    const pulse = new Pulse(async () => void (reads += 1), 150, clock);
    pulse.beat();
    pulse.beat();
    pulse.stop();
    await clock.move(1000);
    expect(reads).toBe(1);
  });
});
