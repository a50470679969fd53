import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvParser } from './csv-parser.ts';
import { ReplaySchedule } from './schedule.ts';
import type { SourceBatch, TickSource } from './tick-source.ts';

/** Rows looked at to learn the symbols before a run. */
const PREVIEW_ROWS = 65_536;

/** Milliseconds in the units that recordings count time in. */
export const TIME_UNITS = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 } as const;
export type TimeUnit = keyof typeof TIME_UNITS;

export interface CsvOptions {
  /** A CSV file with a header line; `.gz` is unpacked on the way. */
  readonly file: string;
  readonly timeColumn: string;
  readonly symbolColumn: string;
  readonly priceColumn: string;
  /** The unit of numeric times since the epoch. */
  readonly timeUnit: TimeUnit;
  /** Multiple of the recorded pace; Infinity: as fast as possible. */
  readonly speed: number;
}

/** A recording cannot be used: the message says which file, which line, and why. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
}

/**
 * Recorded ticks from a CSV file, read as a stream. Times are numbers since the epoch, or text that
 * `Date.parse` takes; rows without a time or a price are skipped and counted.
 */
export class CsvSource implements TickSource {
  readonly symbols: string[] = [];
  readonly isLive = false;
  /** Rows that were no tick. */
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
   * Learns the symbols of the first rows, so that subscriptions can be chosen before the run.
   *
   * @throws CsvError when the file cannot be read or lacks a column
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

  /** @throws CsvError when the file cannot be read or lacks a column */
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
    const parser = new CsvParser((fields) => {
      rows.take(fields);
    });
    try {
      for await (const text of openText(file)) {
        parser.push(text as string);
        yield this.#drain(rows);
      }
      parser.end();
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

/** The ticks of the rows of one chunk. */
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
    // Some programs start a file with a byte order mark.
    const names = fields.map((name) => name.replace(/^\ufeff/, '').trim());
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

function openText(file: string): Readable {
  const input = createReadStream(file);
  // A failure on the way destroys both ends, and the reader of the last one gets it.
  const text = file.endsWith('.gz')
    ? pipeline(input, createGunzip(), () => input.destroy())
    : input;
  return text.setEncoding('utf8');
}
