import type { RaisedRecord } from '../protocol/index.ts';
import { Moved } from '../threads/thread-calls.ts';
import type { Arrived } from './store.ts';
import type { StoredKind } from './stored-kinds.ts';

/** Fields before those of a record's kind: index of its symbol, ordinal. */
const OWN_FIELDS = 2;
const NO_ORDINAL = -1;

/**
 * Records on their way from one thread to another: a tenth of what it costs to copy them as
 * objects.
 */
export interface RecordColumns {
  /** Symbols, and other texts of the records. */
  readonly texts: readonly string[];
  readonly fields: Float64Array<ArrayBuffer>;
}

export function packRecords<R extends RaisedRecord>(
  kind: StoredKind<R>,
  records: readonly R[],
): Moved<RecordColumns> {
  const columns = columnsOf(kind, records, () => NO_ORDINAL);
  return new Moved(columns, [columns.fields.buffer]);
}

export function packArrived<R extends RaisedRecord>(
  kind: StoredKind<R>,
  arrived: readonly Arrived<R>[],
): Moved<RecordColumns> {
  const records = arrived.map(({ record }) => record);
  const columns = columnsOf(kind, records, (i) => (arrived[i] as Arrived<R>).ordinal);
  return new Moved(columns, [columns.fields.buffer]);
}

function columnsOf<R extends RaisedRecord>(
  kind: StoredKind<R>,
  records: readonly R[],
  ordinalOf: (index: number) => number,
): RecordColumns {
  const each = OWN_FIELDS + kind.fields;
  const fields = new Float64Array(records.length * each);
  const indexes = new Map<string, number>();
  const textIndex = (text: string) => {
    let index = indexes.get(text);
    if (index === undefined) {
      index = indexes.size;
      indexes.set(text, index);
    }
    return index;
  };
  for (const [i, record] of records.entries()) {
    const at = i * each;
    fields[at] = textIndex(record.symbol);
    fields[at + 1] = ordinalOf(i);
    kind.pack(fields, at + OWN_FIELDS, record, textIndex);
  }
  return { texts: [...indexes.keys()], fields };
}

export function unpackRecords<R extends RaisedRecord>(
  kind: StoredKind<R>,
  columns: RecordColumns,
): R[] {
  return unpackArrived(kind, columns).map(({ record }) => record);
}

export function unpackArrived<R extends RaisedRecord>(
  kind: StoredKind<R>,
  { texts, fields }: RecordColumns,
): Arrived<R>[] {
  const arrived: Arrived<R>[] = [];
  for (let at = 0; at < fields.length; at += OWN_FIELDS + kind.fields) {
    const symbol = texts[fields[at] as number] as string;
    const record = kind.unpack(symbol, fields, at + OWN_FIELDS, texts);
    arrived.push({ ordinal: fields[at + 1] as number, record });
  }
  return arrived;
}
