import type { HeldRecords, RecordBatch } from '../gateway/index.ts';
import type { RaisedRecord } from '../protocol/index.ts';
import type { Bus, Reading, ReadMessage } from './bus.ts';
import { RecordNumbers } from './record-numbers.ts';
import type { Progress, SharedPosition } from './shared-position.ts';

/** How far reading is ahead of the work. */
export interface ReadingLimits {
  /** Records that are read and not done: reading stops at so many, and goes on below `low`. */
  readonly held: number;
  readonly low: number;
  /** Interval at which reading that has stopped looks how many follow, ms. */
  readonly lookMs: number;
}

const USUAL: ReadingLimits = { held: 8192, low: 2048, lookMs: 10_000 };
/** Bytes of numbers saved, at most, and their part of the largest message. */
const NUMBERS_BYTES_MAX = 262_144;
const NUMBERS_PART = 1 / 2;

export interface OutputsSource<R extends RaisedRecord> {
  readonly bus: Bus;
  readonly log: string;
  readonly filter: string;
  readonly decode: (payload: Uint8Array) => R;
}

interface Output<R extends RaisedRecord> {
  readonly sequence: number;
  readonly record: R;
}

/**
 * Outputs of a kind from a position on, for the member that works on them. A position is a sequence
 * of the log.
 */
export class HeldOutputs<R extends RaisedRecord> implements HeldRecords<R> {
  readonly position: number;
  readonly #source: OutputsSource<R>;
  readonly #shared: SharedPosition;
  readonly #limits: ReadingLimits;
  /** Up to the position. */
  readonly #numbers: RecordNumbers;
  /** Read, and not known to be done. */
  #outputs: Output<R>[] = [];
  /** Sequence to be read next. */
  #next: number;
  /** How many followed the one that was read last. */
  #followed = 0;
  /** Undefined: there is no space. */
  #reading: Reading | undefined;
  readonly #look: NodeJS.Timeout;
  #isReleased = false;

  constructor(
    source: OutputsSource<R>,
    shared: SharedPosition,
    { numbers, position }: Progress,
    limits = USUAL,
  ) {
    this.position = position;
    this.#source = source;
    this.#shared = shared;
    this.#limits = limits;
    this.#numbers = new RecordNumbers(numbers);
    this.#next = position;
    this.#look = setInterval(() => this.#read(), limits.lookMs).unref();
    this.#read();
  }

  waiting(position: number): number {
    const done = this.#outputs.findIndex(({ sequence }) => sequence >= position);
    return (done < 0 ? 0 : this.#outputs.length - done) + this.#followed;
  }

  async from(position: number, limit: number): Promise<RecordBatch<R>> {
    this.#done(position);
    const outputs = this.#outputs.slice(0, limit);
    const records = outputs.map(({ record }) => record);
    const last = outputs.at(-1);
    return {
      records,
      end: last === undefined ? position : last.sequence + 1,
      lost: this.#numbers.missing(records),
    };
  }

  save(position: number, stands: boolean): Promise<boolean> {
    this.#done(position);
    // They change with each position: only one that stands is worth them.
    return this.#shared.save({ position, numbers: stands ? this.#newestNumbers() : [] });
  }

  async release(position: number): Promise<void> {
    this.#isReleased = true;
    clearInterval(this.#look);
    this.#stop();
    this.#done(position);
    await this.#shared.release({ position, numbers: this.#newestNumbers() });
  }

  #done(position: number): void {
    const left = this.#outputs.findIndex(({ sequence }) => sequence >= position);
    const done = this.#outputs.splice(0, left < 0 ? this.#outputs.length : left);
    this.#numbers.note(done.map(({ record }) => record));
    if (this.#outputs.length < this.#limits.low) this.#read();
  }

  /** Stopped and begun: where a handler waits, NATS' client reads on into its own memory. */
  #read(): void {
    if (this.#reading !== undefined || this.#isReleased) return;
    const { bus, filter, log } = this.#source;
    const reading: Reading = bus.read(log, [filter], this.#next, (message) => {
      if (this.#reading === reading) this.#take(message);
    });
    this.#reading = reading;
  }

  #take({ followed, payload, sequence }: ReadMessage): void {
    if (this.#outputs.length >= this.#limits.held) {
      this.#followed = followed + 1;
      this.#stop();
      return;
    }
    this.#next = sequence + 1;
    this.#followed = followed;
    this.#outputs.push({ sequence, record: this.#source.decode(payload) });
  }

  #stop(): void {
    this.#reading?.stop();
    this.#reading = undefined;
  }

  #newestNumbers() {
    const { messageBytesMax } = this.#source.bus;
    return this.#numbers.newest(Math.min(NUMBERS_BYTES_MAX, messageBytesMax * NUMBERS_PART));
  }
}
