import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { RaisedRecord } from '../protocol/index.ts';
import { answerCalls, Moved } from '../threads/thread-calls.ts';
import { DATABASE_FILE, type Databases, type KindName, openDatabases } from './databases.ts';
import { DiskHistory, type Wanted } from './disk-history.ts';
import { type NameFilter, nameMatcher, recordMatcher } from './name-filter.ts';
import { packArrived, packRecords, type RecordColumns } from './record-columns.ts';
import type { SymbolRange } from './store.ts';
import { STORED_KINDS } from './stored-kinds.ts';

export interface ReaderData {
  readonly directory: string;
}

/** What the database holds of a kind when it is opened. */
export interface Held {
  /** The number of the next record to arrive. */
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

/** A question about records of one kind. */
export type OfKind<Question = object> = Question & { readonly kind: KindName };

/** What the thread is asked; see {@link DiskHistory}. */
export interface ReaderFunctions {
  open(question: OfKind): Moved<Held>;
  /** Records of a symbol, and the oldest sequence that is stored, if any. */
  page(
    question: OfKind<{ readonly range: SymbolRange }>,
  ): Moved<{ first: number | undefined; records: RecordColumns }>;
  /** Records of several symbols, one range after the other. */
  ranges(question: OfKind<{ readonly ranges: readonly SymbolRange[] }>): Moved<RecordColumns>;
  between(
    question: OfKind<{ readonly slice: TimeSlice }>,
  ): Moved<{ records: RecordColumns; next: Uint8Array | undefined }>;
  recent(
    question: OfKind<{
      readonly before: number;
      readonly limit: number;
      readonly filter: NameFilter;
    }>,
  ): Moved<RecordColumns>;
  arrivedFrom(
    question: OfKind<{ readonly ordinal: number; readonly limit: number }>,
  ): Moved<RecordColumns>;
  lastSequences(question: OfKind<{ readonly ordinal: number }>): ReadonlyMap<string, number>;
}

/*
 * The thread that reads: no other waits for a page of the database that is not in memory. Each call
 * sees all that was written before it was made.
 */
const port = parentPort;
if (port === null) throw new Error('reader-thread.ts is the entry of a worker thread');
const { directory } = workerData as ReaderData;
let opened: Readonly<Record<KindName, Databases>> | undefined;

function historyOf(name: KindName): DiskHistory<RaisedRecord> {
  opened ??= openDatabases(join(directory, DATABASE_FILE), 'read');
  const databases = opened[name];
  databases.root.resetReadTxn();
  return new DiskHistory<RaisedRecord>(STORED_KINDS[name], databases);
}

function wantedBy(filter: NameFilter): Wanted {
  return { isName: nameMatcher(filter), isRecord: recordMatcher(filter) };
}

const functions: ReaderFunctions = {
  open({ kind }) {
    const history = historyOf(kind);
    const lastSequences = history.checkedSequences();
    const held = { nextOrdinal: history.nextOrdinal(), lastSequences };
    return new Moved(held, [lastSequences.buffer]);
  },
  page({ kind, range: { symbol, from, limit } }) {
    const history = historyOf(kind);
    const row = history.row(symbol);
    const first = row !== undefined && row.first <= row.last ? row.first : undefined;
    const { value, buffers } = packRecords(history.kind, history.from(symbol, from, limit));
    return new Moved({ first, records: value }, buffers);
  },
  ranges({ kind, ranges }) {
    const history = historyOf(kind);
    return packRecords(
      history.kind,
      ranges.flatMap(({ symbol, from, limit }) => history.from(symbol, from, limit)),
    );
  },
  between({ kind, slice: { start, to, limit, filter } }) {
    const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
    const history = historyOf(kind);
    const { records, next } = history.between(bytes, to, limit, wantedBy(filter));
    const { value, buffers } = packRecords(history.kind, records);
    return new Moved({ records: value, next }, buffers);
  },
  recent({ kind, before, limit, filter }) {
    const history = historyOf(kind);
    return packRecords(history.kind, history.recent(before, limit, wantedBy(filter)));
  },
  arrivedFrom({ kind, ordinal, limit }) {
    const history = historyOf(kind);
    return packArrived(history.kind, history.arrivedFrom(ordinal, limit));
  },
  lastSequences({ kind, ordinal }) {
    return historyOf(kind).lastSequences(ordinal);
  },
};

answerCalls(port, functions, async () => {
  await opened?.anomalies.root.close();
});
