import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { EntryKind, JournalReader, type SegmentFiles } from '../journal/index.ts';
import { BacktestError } from './backtest-error.ts';

/** What takes ticks, one after the other. Times are ms since the epoch. */
export interface TickTaker {
  apply(name: string, price: number, time: number, receivedAt: number): void;
  advanceClock(now: number): void;
}

/** Time between two readings of the clock, ms: as in a server. */
const CLOCK_MS = 250;
/** Readings in a pause; then the clock jumps to its end. */
const READINGS_MAX = 1000;
/** Ticks between two reports of progress. */
const PROGRESS_TICKS = 1000;
/** How far a row may be behind the newest before the file counts as unordered, ms. */
const DISORDER_MS_MAX = 60_000;
/** The server refuses others. */
const isTick = (price: number, time: number) =>
  price > 0 && Number.isFinite(price) && time >= 0 && Number.isFinite(time);

/** Reads a clock to a taker as often as a server does, also while no ticks come; or not at all. */
class SteppedClock {
  readonly #taker: TickTaker;
  readonly #isOn: boolean;
  #at = Number.NEGATIVE_INFINITY;

  constructor(taker: TickTaker, isOn: boolean) {
    this.#taker = taker;
    this.#isOn = isOn;
  }

  /** Goes on to a later time. Returns whether the clock was read. */
  advanceTo(now: number): boolean {
    if (!this.#isOn || now < this.#at + CLOCK_MS) return false;
    if (this.#at === Number.NEGATIVE_INFINITY) this.#at = now - CLOCK_MS;
    for (let i = 0; i < READINGS_MAX && this.#at + CLOCK_MS <= now; i++) {
      this.#at += CLOCK_MS;
      this.#taker.advanceClock(this.#at);
    }
    if (this.#at + CLOCK_MS > now) return true;
    this.#at = now;
    this.#taker.advanceClock(now);
    return true;
  }
}

/** What a CSV file had beside ticks. */
export interface CsvNotes {
  /** Rows without symbol, price or time. */
  readonly skipped: number;
  /** Whether times ran back too far for a clock: it stood still from then on, if there was one. */
  readonly isUnordered: boolean;
}

/**
 * Reads a CSV file (`.gz`: compressed) with the columns time (ms since the epoch, or text that
 * `Date.parse` accepts), symbol and price.
 *
 * @param hasClock whether there is a clock: the newest time so far, read as a server does
 * @param bytesRead called now and then with the bytes read of the file
 * @throws BacktestError if it cannot be read or lacks a column
 */
export async function readCsv(
  file: string,
  taker: TickTaker,
  hasClock: boolean,
  bytesRead: (bytes: number) => void,
): Promise<CsvNotes> {
  const input = createReadStream(file);
  const parser = parse({ bom: true, columns: true, trim: true, skip_empty_lines: true });
  const rows = file.endsWith('.gz')
    ? pipeline(input, createGunzip(), parser, () => undefined)
    : pipeline(input, parser, () => undefined);
  let skipped = 0;
  let newest = Number.NEGATIVE_INFINITY;
  const clock = new SteppedClock(taker, hasClock);
  let read = 0;
  let isUnordered = false;
  let isFirst = true;
  try {
    for await (const row of rows as AsyncIterable<Record<string, string>>) {
      if (isFirst) checkColumns(file, row);
      isFirst = false;
      const { symbol = '' } = row;
      const price = Number(row.price || Number.NaN);
      const time = timeOf(row.time ?? '');
      if (symbol === '' || !isTick(price, time)) {
        skipped += 1;
        continue;
      }
      if (time < newest - DISORDER_MS_MAX) isUnordered = true;
      newest = Math.max(newest, time);
      if (!isUnordered) clock.advanceTo(newest);
      read += 1;
      if (read % PROGRESS_TICKS === 0) bytesRead(input.bytesRead);
      taker.apply(symbol, price, time, newest);
    }
  } catch (error) {
    if (error instanceof BacktestError) throw error;
    throw new BacktestError(`${file}: ${(error as Error).message}`);
  }
  return { skipped, isUnordered };
}

function checkColumns(file: string, row: Record<string, string>): void {
  for (const column of ['time', 'symbol', 'price']) {
    if (row[column] !== undefined) continue;
    const found = Object.keys(row).join(', ');
    throw new BacktestError(`${file}: expected a column "${column}", got ${found}`);
  }
}

function timeOf(text: string): number {
  const number = Number(text || Number.NaN);
  return Number.isNaN(number) ? Date.parse(text) : number;
}

/**
 * Reads the ticks of a journal and its readings of the clock, in their order; a server may be
 * writing it.
 *
 * @param hasClock whether to read a clock, that of receipts, where the server did not: it had
 *   nothing that ends by time
 * @param reached called now and then with the position reached
 * @throws JournalError for damage
 */
export function readJournal(
  files: SegmentFiles,
  taker: TickTaker,
  hasClock: boolean,
  reached: (position: number) => void,
): void {
  const kinds = [EntryKind.SEGMENT, EntryKind.SYMBOL, EntryKind.TICKS, EntryKind.CLOCK];
  const reader = new JournalReader(files, { kinds, mayStartLater: true });
  let names: string[] = [];
  const clock = new SteppedClock(taker, hasClock);
  try {
    while (reader.next()) {
      if (reader.kind === EntryKind.SEGMENT) names = [];
      else if (reader.kind === EntryKind.SYMBOL) names[reader.id] = reader.name;
      else if (reader.kind === EntryKind.CLOCK) {
        if (hasClock) clock.advanceTo(reader.clock);
        else taker.advanceClock(reader.clock);
      } else {
        const { doubles, words, pricesAt, timesAt, idsAt, count, receiptTime } = reader;
        clock.advanceTo(receiptTime);
        reached(reader.end);
        for (let i = 0; i < count; i++) {
          const price = doubles[pricesAt + i] as number;
          const time = doubles[timesAt + i] as number;
          taker.apply(names[words[idsAt + i] as number] as string, price, time, receiptTime);
        }
      }
    }
  } finally {
    reader.close();
  }
}
