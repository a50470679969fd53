import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** Bytes held for a reader that takes none, on top of what the system holds (64 kB in a pipe). */
const WAITING_BYTES_MAX = 65_536;
/** Lines that are kept for the exit although they count as dropped. */
const LAST_WORDS_MAX = 4;
const RETRY_MS = 250;
/** Pause between two tries at the exit, ms. */
const EXIT_RETRY_MS = 5;

/** Whether a write was accepted, is to be tried again, or was refused. */
type Outcome = 'written' | 'later' | 'refused';

/** Lines that wait, oldest first; the first may be written in part. */
interface WaitingLine {
  readonly bytes: Buffer;
  written: number;
}

/**
 * Writes the log's lines to a descriptor, at once and in order. No line ever stops the server: one
 * that a slow reader leaves no room for waits, up to a limit, and one that cannot be written (full
 * disk, reader gone, any other error) is dropped and counted. A line that was begun is completed
 * before another. When writing works again, `report` is called with the number of lines lost.
 */
export class LogOutput {
  /** Lines dropped since the start. */
  droppedCount = 0;
  /** Logs how many lines were lost. Calls {@link write}. */
  report: (count: number) => void = () => {};
  readonly #descriptor: number;
  #waiting: WaitingLine[] = [];
  #waitingBytes = 0;
  #unreported = 0;
  #isReporting = false;
  /** The newest of the unreported lines: at the exit, the last words. */
  #lastWords: string[] = [];
  #lastOutcome: Outcome = 'written';
  #timer: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#descriptor = openUnblocked(descriptor);
  }

  write(line: string): void {
    const isClear = this.#drain() === 'written' && this.#reportLoss();
    this.#put(line, isClear);
    this.#retryLater();
  }

  /** Blocks until what waits is written, at most for a while. For the process's exit. */
  flush(limitMs: number): void {
    const deadline = performance.now() + limitMs;
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (;;) {
      let outcome = this.#drain();
      if (outcome === 'written') {
        const lines = this.#takeLastWords();
        if (this.#reportLoss()) for (const line of lines) this.#put(line, true);
        else this.#restoreLastWords(lines);
        outcome = this.#waiting.length > 0 ? this.#drain() : this.#lastOutcome;
      }
      if (outcome === 'written' && this.#unreported === 0) return;
      if (outcome === 'refused' || performance.now() > deadline) return;
      Atomics.wait(sleeper, 0, 0, EXIT_RETRY_MS);
    }
  }

  readonly #retry = (): void => {
    this.#timer = undefined;
    if (this.#drain() === 'written') this.#reportLoss();
    this.#retryLater();
  };

  /** One timer at a time: a report that is made by it, and fails, asks for the next one, too. */
  #retryLater(): void {
    if (this.#timer !== undefined) return;
    if (this.#waiting.length === 0 && this.#unreported === 0) return;
    this.#timer = setTimeout(this.#retry, RETRY_MS).unref();
  }

  /** Writes a line, queues it behind others, or drops it. */
  #put(line: string, isClear: boolean): void {
    const entry = { bytes: Buffer.from(line), written: 0 };
    const outcome = isClear ? this.#writeOut(entry) : this.#lastOutcome;
    if (outcome === 'written') return;
    const isBegun = entry.written > 0;
    const hasRoom = this.#waitingBytes + entry.bytes.length <= WAITING_BYTES_MAX;
    // A report does not wait: it is made again, with the number of lines lost by then. Until it is
    // made nothing else waits, so that it stands where the lines are missing.
    const mayWait = outcome === 'later' && hasRoom && !this.#isReporting && this.#unreported === 0;
    if (isBegun || mayWait) {
      this.#waiting.push(entry);
      this.#waitingBytes += entry.bytes.length;
    } else {
      this.#drop(1);
      this.#keepLastWords(line);
    }
  }

  /** Writes what waits. After an error other than a full pipe, drops what was not begun. */
  #drain(): Outcome {
    let outcome: Outcome = 'written';
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0] as WaitingLine;
      outcome = this.#writeOut(first);
      if (outcome !== 'written') break;
      this.#waiting.shift();
      this.#waitingBytes -= first.bytes.length;
    }
    if (outcome === 'refused') {
      const kept = this.#waiting.filter(({ written }) => written > 0);
      this.#drop(this.#waiting.length - kept.length);
      this.#waiting = kept;
      this.#waitingBytes = kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
    }
    this.#lastOutcome = outcome;
    return outcome;
  }

  /** @returns whether the next line can be written */
  #reportLoss(): boolean {
    if (this.#unreported === 0 || this.#isReporting) return true;
    const count = this.#unreported;
    this.#unreported = 0;
    this.#lastWords = [];
    this.#isReporting = true;
    try {
      this.report(count);
    } finally {
      this.#isReporting = false;
    }
    // The report itself was dropped.
    if (this.#unreported > 0) this.#unreported = count;
    return this.#unreported === 0 && this.#waiting.length === 0;
  }

  #keepLastWords(line: string): void {
    if (this.#isReporting) return;
    this.#lastWords.push(line);
    if (this.#lastWords.length > LAST_WORDS_MAX) this.#lastWords.shift();
  }

  /** The newest lines lost, which count as lost no longer. */
  #takeLastWords(): string[] {
    const lines = this.#lastWords;
    this.#lastWords = [];
    this.#unreported -= lines.length;
    this.droppedCount -= lines.length;
    return lines;
  }

  #restoreLastWords(lines: string[]): void {
    this.#lastWords = lines;
    this.#drop(lines.length);
  }

  #drop(count: number): void {
    this.#unreported += count;
    if (!this.#isReporting) this.droppedCount += count;
  }

  #writeOut(line: WaitingLine): Outcome {
    try {
      while (line.written < line.bytes.length) {
        line.written += writeSync(this.#descriptor, line.bytes, line.written);
      }
      this.#lastOutcome = 'written';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#lastOutcome = code === 'EAGAIN' || code === 'EINTR' ? 'later' : 'refused';
    }
    return this.#lastOutcome;
  }
}

/**
 * Makes writes fail with EAGAIN instead of blocking, where a reader may leave no room. A pipe or
 * terminal is opened anew: with the flag of the open file that it shares, other programs would meet
 * the error too.
 */
function openUnblocked(descriptor: number): number {
  let isPipe: boolean;
  let isSocket: boolean;
  try {
    const stat = fstatSync(descriptor);
    isPipe = stat.isFIFO() || stat.isCharacterDevice();
    isSocket = stat.isSocket();
  } catch {
    // Closed: every write will say so.
    return descriptor;
  }
  if (isPipe && process.platform === 'linux') {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    try {
      const flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
      return openSync(`/proc/self/fd/${descriptor}`, flags);
    } catch {
      // Nobody reads it, or another user opened it.
    }
  }
  if (isPipe || isSocket) unblock(descriptor);
  return descriptor;
}

/** Hold their descriptors' flags; otherwise unused. */
const unblocked = new Map<number, Socket>();

function unblock(descriptor: number): void {
  try {
    const options = { fd: descriptor, readable: false, writable: true };
    unblocked.set(
      descriptor,
      new Socket(options).on('error', () => {}),
    );
  } catch {
    // Of a kind that Node does not know: writes to it may block.
  }
}
