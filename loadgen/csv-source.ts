import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import type { SourceBatch, TickSource } from './tick-source.ts';

/** Turns recorded times into times to send: the recorded pace, times a speed. */
export class ReplaySchedule {
  readonly #speed: number;
  #first: number | undefined;

  /** @param speed 1: as recorded; 10: ten times as fast; Infinity: as fast as possible */
  constructor(speed: number) {
    this.#speed = speed;
  }

  /**
   * When to send a tick recorded at `time`, ms since the run's start; NaN: as soon as possible.
   * Ticks older than the first are due at the start.
   */
  dueMs(time: number): number {
    if (this.#speed === Number.POSITIVE_INFINITY) return Number.NaN;
    this.#first ??= time;
    return Math.max(0, (time - this.#first) / this.#speed);
  }
}

/** Rows read to learn the symbols before a run. */
const PREVIEW_ROWS = 65_536;
const BATCH_ROWS = 2_048;

/** Milliseconds per unit of recorded times. */
export const TIME_UNITS = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 } as const;
export type TimeUnit = keyof typeof TIME_UNITS;

export interface CsvOptions {
  /** A CSV file with a header line, optionally gzipped (`.gz`). */
  readonly file: string;
  readonly timeColumn: string;
  readonly symbolColumn: string;
  readonly priceColumn: string;
  /** The unit of numeric times since the epoch. */
  readonly timeUnit: TimeUnit;
  /** Multiple of the recorded speed. Infinity: as fast as possible. */
  readonly speed: number;
}

/** A recording is unusable. The message says which file and why. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
}

/**
 * Recorded ticks from a CSV file, read as a stream. Times are numbers since the epoch or anything
 * `Date.parse` accepts. Rows without symbol, time or price are skipped and counted.
 */
export class CsvSource implements TickSource {
  readonly symbols: string[] = [];
  readonly isLive = false;
  /** Rows that are not ticks. */
  skippedRows = 0;
  readonly #options: CsvOptions;
  readonly #ids = new Map<string, number>();
  readonly #schedule: ReplaySchedule;
  #batches: AsyncGenerator<SourceBatch> | undefined;

  constructor(options: CsvOptions) {
    this.#options = options;
    this.#schedule = new ReplaySchedule(options.speed);
  }

  /**
   * Learns the symbols of the first rows, to choose subscriptions from.
   *
   * @throws CsvError if the file cannot be read or lacks a column
   */
  async preview(): Promise<void> {
    let rows = 0;
    for await (const batch of this.#read()) {
      rows += batch.count;
      if (rows >= PREVIEW_ROWS) break;
    }
    if (this.symbols.length === 0) throw new CsvError(`${this.#options.file}: no ticks in it`);
    this.skippedRows = 0;
  }

  /** @throws CsvError if the file cannot be read or lacks a column */
  async next(): Promise<SourceBatch | undefined> {
    this.#batches ??= this.#read();
    const { value, done } = await this.#batches.next();
    return done === true ? undefined : value;
  }

  async close(): Promise<void> {
    await this.#batches?.return(undefined);
  }

  async *#read(): AsyncGenerator<SourceBatch> {
    const { file } = this.#options;
    const rows = new TickRows(this.#options);
    try {
      for await (const fields of openRows(file)) {
        rows.take(fields);
        if (rows.count >= BATCH_ROWS) yield this.#drain(rows);
      }
    } catch (error) {
      if (error instanceof CsvError) throw error;
      throw new CsvError(`${file}: ${(error as Error).message}`);
    }
    yield this.#drain(rows);
  }

  #drain(rows: TickRows): SourceBatch {
    const batch = {
      count: rows.symbols.length,
      symbols: Uint32Array.from(rows.symbols, (symbol) => this.#idOf(symbol)),
      prices: Float64Array.from(rows.prices),
      times: Float64Array.from(rows.times),
      dueMs: Float64Array.from(rows.times, (time) => this.#schedule.dueMs(time)),
    };
    this.skippedRows += rows.skipped;
    rows.clear();
    return batch;
  }

  #idOf(symbol: string): number {
    const known = this.#ids.get(symbol);
    if (known !== undefined) return known;
    const id = this.symbols.push(symbol) - 1;
    this.#ids.set(symbol, id);
    return id;
  }
}

/** Collects the ticks of a batch of rows. */
class TickRows {
  readonly symbols: string[] = [];
  readonly prices: number[] = [];
  readonly times: number[] = [];
  skipped = 0;
  readonly #options: CsvOptions;
  #columns: { readonly symbol: number; readonly price: number; readonly time: number } | undefined;

  constructor(options: CsvOptions) {
    this.#options = options;
  }

  /** Rows taken since the last `clear`, without the header. */
  get count(): number {
    return this.symbols.length + this.skipped;
  }

  take(fields: readonly string[]): void {
    if (this.#columns === undefined) {
      this.#readHeader(fields);
      return;
    }
    const { symbol, price, time } = this.#columns;
    const name = fields[symbol] ?? '';
    const priceValue = Number(fields[price] || Number.NaN);
    const timeMs = this.#readTime(fields[time] ?? '');
    if (name === '' || Number.isNaN(priceValue) || Number.isNaN(timeMs)) {
      this.skipped++;
      return;
    }
    this.symbols.push(name);
    this.prices.push(priceValue);
    this.times.push(timeMs);
  }

  clear(): void {
    this.symbols.length = 0;
    this.prices.length = 0;
    this.times.length = 0;
    this.skipped = 0;
  }

  #readTime(text: string): number {
    if (text === '') return Number.NaN;
    const number = Number(text);
    return Number.isNaN(number) ? Date.parse(text) : number * TIME_UNITS[this.#options.timeUnit];
  }

  #readHeader(fields: readonly string[]): void {
    const { file, symbolColumn, priceColumn, timeColumn } = this.#options;
    const names = fields.map((name) => name.trim());
    const find = (column: string): number => {
      const index = names.indexOf(column);
      if (index >= 0) return index;
      throw new CsvError(`${file}: no column ${column}; its header has ${names.join(', ')}`);
    };
    this.#columns = {
      symbol: find(symbolColumn),
      price: find(priceColumn),
      time: find(timeColumn),
    };
  }
}

/** Opens a file as a stream of rows. A failure anywhere reaches its reader. */
function openRows(file: string): AsyncIterable<readonly string[]> {
  const input = createReadStream(file);
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  return file.endsWith('.gz')
    ? pipeline(input, createGunzip(), parser, () => {})
    : pipeline(input, parser, () => {});
}
