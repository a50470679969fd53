import { parentPort, workerData } from 'node:worker_threads';
import { answerCalls, Moved } from '../threads/thread-calls.ts';
import { type AnomalyColumns, packAnomalies, packArrived } from './anomaly-columns.ts';
import { DiskHistory } from './disk-history.ts';
import { type NameFilter, nameMatcher } from './name-filter.ts';
import type { SymbolRange } from './store.ts';

export interface ReaderData {
  readonly directory: string;
}

/** What the database holds when it is opened. */
export interface Held {
  /** The number of the next anomaly to arrive. */
  readonly nextOrdinal: number;
  /** Of all symbols; see `LastSequences.setAll`. */
  readonly lastSequences: Uint8Array;
}

/** A slice of a page by time. */
export interface TimeSlice {
  /** A time key, or the bound of a time. */
  readonly start: Uint8Array;
  /** ms since the epoch, exclusive. */
  readonly to: number;
  readonly limit: number;
  readonly filter: NameFilter;
}

/** What the thread is asked; see {@link DiskHistory}. */
export interface ReaderFunctions {
  open(argument: undefined): Moved<Held>;
  /** Anomalies of a symbol, and the oldest sequence that is stored, if any. */
  page(range: SymbolRange): Moved<{ first: number | undefined; anomalies: AnomalyColumns }>;
  /** Anomalies of several symbols, one range after the other. */
  ranges(ranges: readonly SymbolRange[]): Moved<AnomalyColumns>;
  between(slice: TimeSlice): Moved<{ anomalies: AnomalyColumns; next: Uint8Array | undefined }>;
  recent(search: {
    readonly before: number;
    readonly limit: number;
    readonly filter: NameFilter;
  }): Moved<AnomalyColumns>;
  arrivedFrom(range: { readonly ordinal: number; readonly limit: number }): Moved<AnomalyColumns>;
  lastSequences(ordinal: number): ReadonlyMap<string, number>;
}

/*
 * The thread that reads: no other waits for a page of the database that is not in memory. Each call
 * sees all that was written before it was made.
 */
const port = parentPort;
if (port === null) throw new Error('reader-thread.ts is the entry of a worker thread');
const { directory } = workerData as ReaderData;
let opened: DiskHistory | undefined;

function history(): DiskHistory {
  if (opened === undefined) throw new Error('the database is not open');
  opened.refresh();
  return opened;
}

const functions: ReaderFunctions = {
  open() {
    opened ??= new DiskHistory(directory);
    const lastSequences = opened.checkedSequences();
    const held = { nextOrdinal: opened.nextOrdinal(), lastSequences };
    return new Moved(held, [lastSequences.buffer]);
  },
  page({ symbol, from, limit }) {
    const disk = history();
    const row = disk.row(symbol);
    const first = row !== undefined && row.first <= row.last ? row.first : undefined;
    const { value, buffers } = packAnomalies(disk.from(symbol, from, limit));
    return new Moved({ first, anomalies: value }, buffers);
  },
  ranges(ranges) {
    const disk = history();
    return packAnomalies(
      ranges.flatMap(({ symbol, from, limit }) => disk.from(symbol, from, limit)),
    );
  },
  between({ start, to, limit, filter }) {
    const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
    const { anomalies, next } = history().between(bytes, to, limit, nameMatcher(filter));
    const { value, buffers } = packAnomalies(anomalies);
    return new Moved({ anomalies: value, next }, buffers);
  },
  recent({ before, limit, filter }) {
    return packAnomalies(history().recent(before, limit, nameMatcher(filter)));
  },
  arrivedFrom({ ordinal, limit }) {
    return packArrived(history().arrivedFrom(ordinal, limit));
  },
  lastSequences(ordinal) {
    return history().lastSequences(ordinal);
  },
};

answerCalls(port, functions, () => opened?.close());
