import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, droppedLines, flushLog } from '../../src/log.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';

/** A named pipe, open at both ends. */
class Pipe implements Disposable {
  readonly #folder = new TempFolder();
  readonly #path = join(this.#folder.path, 'pipe');
  readonly #reader: number;
  readonly writer: number;

  constructor() {
    execFileSync('mkfifo', [this.#path]);
    this.#reader = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writer = openSync(this.#path, 'w');
  }

  /** Everything that is in it. */
  read(): string {
    const bytes = Buffer.alloc(1 << 20);
    let text = '';
    try {
      for (;;) text += bytes.toString('utf8', 0, readSync(this.#reader, bytes));
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
      return text;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#reader);
    closeSync(this.writer);
    this.#folder[Symbol.dispose]();
  }
}

/** The numbers logged, and in their place the number of lines lost. */
function storyOf(text: string): (number | string)[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { n, lines, msg } = JSON.parse(line) as Record<string, number | string>;
      return typeof n === 'number' ? n : `${msg} ${lines}`;
    });
}

const LOST = 'log lines were lost: they could not be written';

function numbersTo(end: number): number[] {
  return Array.from({ length: end }, (_, n) => n);
}

describe('a log whose pipe nobody reads', () => {
  it('holds 64 kB more than the system, then drops; says how much, in place', async () => {
    using pipe = new Pipe();
    const log = createLogger('info', 'json', false, pipe.writer);
    let n = 0;
    while (droppedLines(log) < 100) log.info({ n: n++ }, 'x'.repeat(500));
    const kept = n - 100;
    expect(kept * 600).toBeGreaterThan(100_000);
    let text = '';
    await expect.poll(() => (text += pipe.read())).toContain(LOST);
    log.info({ n: -1 }, 'after');
    text += pipe.read();
    expect(storyOf(text)).toEqual([...numbersTo(kept), `${LOST} 100`, -1]);
    expect(droppedLines(log)).toBe(100);
    log.info({ n: -2 }, 'later');
    expect(storyOf(pipe.read())).toEqual([-2]);
  });

  it('by itself writes what waited, and says what was lost, when it is read', async () => {
    using pipe = new Pipe();
    const log = createLogger('info', 'json', false, pipe.writer);
    let n = 0;
    while (droppedLines(log) < 7) log.info({ n: n++ }, 'x'.repeat(500));
    let text = '';
    await expect.poll(() => (text += pipe.read())).toContain(LOST);
    expect(storyOf(text)).toEqual([...numbersTo(n - 7), `${LOST} 7`]);
  });

  it('gets the last words out where it is read, and gives up in time where not', () => {
    using pipe = new Pipe();
    const log = createLogger('info', 'json', false, pipe.writer);
    let n = 0;
    while (droppedLines(log) < 9) log.info({ n: n++ }, 'x'.repeat(500));
    const start = performance.now();
    flushLog(log);
    expect(performance.now() - start).toBeLessThan(5000);
    let text = pipe.read();
    log.info({ n: n++ }, 'stopped');
    flushLog(log);
    text += pipe.read();
    flushLog(log);
    text += pipe.read();
    const story = storyOf(text);
    expect(story.at(-1)).toBe(n - 1);
    expect(story).toContainEqual(expect.stringContaining(LOST));
  });

  it('whose reader has gone drops and goes on', () => {
    let log: ReturnType<typeof createLogger>;
    {
      using pipe = new Pipe();
      log = createLogger('info', 'json', false, pipe.writer);
      log.info({ n: 0 }, 'read');
      expect(storyOf(pipe.read())).toEqual([0]);
    }
    for (let n = 0; n < 10; n++) log.info({ n }, 'unread');
    expect(droppedLines(log)).toBe(10);
    flushLog(log);
  });
});

describe.each(['json', 'pretty'] as const)('a log of format %s', (format) => {
  // A log that is behind tries again: the number of its closed descriptor may be another's by then.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('on a full disk drops every line, and counts them', () => {
    const full = openSync('/dev/full', 'w');
    const log = createLogger('info', format, false, full);
    for (let n = 0; n < 1000; n++) log.info({ n }, 'no room');
    expect(droppedLines(log)).toBe(1000);
    flushLog(log);
    closeSync(full);
  });

  it('on a disk that stays full is tried again by one timer', () => {
    const full = openSync('/dev/full', 'w');
    const log = createLogger('info', format, false, full);
    log.info('first');
    // Each failed report started one more: the server stood still after seconds.
    vi.advanceTimersByTime(2000);
    log.info('second');
    expect(vi.getTimerCount()).toBe(1);
    closeSync(full);
  });

  it('without a descriptor drops every line', () => {
    const log = createLogger('info', format, false, 999_999);
    for (let n = 0; n < 10; n++) log.info({ n }, 'nowhere');
    expect(droppedLines(log)).toBe(10);
  });

  it('completes a line that was begun before any other', () => {
    using pipe = new Pipe();
    // The pipe has room for part of the line only.
    writeSync(pipe.writer, 'y'.repeat(60_000));
    const log = createLogger('info', format, false, pipe.writer);
    log.info({ n: 0 }, 'x'.repeat(40_000));
    log.info({ n: 1 }, 'second');
    let text = pipe.read();
    for (let tries = 0; tries < 10; tries++) {
      flushLog(log);
      text += pipe.read();
    }
    const [before, between, after] = text.split(/y{60000}|x{40000}/);
    expect(before).toBe('');
    expect(between).not.toContain('second');
    expect(after).toContain('second');
    expect(droppedLines(log)).toBe(0);
  });
});
