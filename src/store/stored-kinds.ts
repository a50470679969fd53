import {
  type Alert,
  type Anomaly,
  type RaisedRecord,
  RULE_KINDS,
  type RuleKind,
} from '../protocol/index.ts';
import {
  checkRecord,
  checkVersion,
  type KindName,
  ORDINAL_BYTES,
  RECORD_VERSION,
} from './databases.ts';

/*
 * Records on disk. Both kinds begin with the same fields:
 *
 *   0         1           2       8 (f64, little-endian)   16      24              32       40
 *   version   direction   ordinal reference                price   change percent  time
 *
 * That is all of an anomaly; an alert goes on
 *
 *   40          48     56        64     72      73      74       75     76             77
 *   start time  peak   episode   count  phase   level   reason   kind   bytes of rule  rule
 */
export const ANOMALY_BYTES = 40;
const RULE_AT = 77;
/** Longest record of any kind: its length is one byte in a batch. */
export const RECORD_BYTES_MAX = 255;

/** How a store keeps the records of a kind, and hands them from thread to thread. */
export interface StoredKind<R extends RaisedRecord> {
  readonly name: KindName;
  /** @throws RangeError for a record that cannot be stored, a programming error */
  check(record: R): void;
  /** Length of a record on disk. */
  bytes(record: R): number;
  write(target: Buffer, at: number, record: R, ordinal: number): void;
  read(symbol: string, sequence: number, bytes: Buffer): R;
  /** Doubles that {@link pack} writes. */
  readonly fields: number;
  /** @param textIndex stores a text once, and returns its index */
  pack(target: Float64Array, at: number, record: R, textIndex: (text: string) => number): void;
  unpack(symbol: string, source: Float64Array, at: number, texts: readonly string[]): R;
}

/** The fields that both kinds begin with, in memory and on disk. */
type Move = Pick<Anomaly, 'sequence' | 'reference' | 'price' | 'changePercent' | 'time'> & {
  readonly direction: Alert['direction'];
};

function writeMove(target: Buffer, at: number, move: Move, ordinal: number): void {
  target[at] = RECORD_VERSION;
  target.writeInt8(move.direction, at + 1);
  target.writeUIntBE(ordinal, at + 2, ORDINAL_BYTES);
  target.writeDoubleLE(move.reference, at + 8);
  target.writeDoubleLE(move.price, at + 16);
  target.writeDoubleLE(move.changePercent, at + 24);
  target.writeDoubleLE(move.time, at + 32);
}

function readMove(bytes: Buffer): Omit<Move, 'sequence' | 'direction'> {
  return {
    reference: bytes.readDoubleLE(8),
    price: bytes.readDoubleLE(16),
    changePercent: bytes.readDoubleLE(24),
    time: bytes.readDoubleLE(32),
  };
}

function packMove(target: Float64Array, at: number, move: Move): void {
  target[at] = move.sequence;
  target[at + 1] = move.direction;
  target[at + 2] = move.reference;
  target[at + 3] = move.price;
  target[at + 4] = move.changePercent;
  target[at + 5] = move.time;
}

function unpackMove(source: Float64Array, at: number): Omit<Move, 'direction'> {
  return {
    sequence: source[at] as number,
    reference: source[at + 2] as number,
    price: source[at + 3] as number,
    changePercent: source[at + 4] as number,
    time: source[at + 5] as number,
  };
}

export const STORED_ANOMALIES: StoredKind<Anomaly> = {
  name: 'anomalies',
  check(anomaly) {
    checkRecord('anomaly', anomaly);
    if (anomaly.direction === 1 || anomaly.direction === -1) return;
    const direction = String(anomaly.direction);
    throw new RangeError(`${direction} cannot be the direction of a stored anomaly`);
  },
  bytes: () => ANOMALY_BYTES,
  write: writeMove,
  read(symbol, sequence, bytes) {
    checkVersion(bytes, ANOMALY_BYTES, 'anomaly');
    return { symbol, sequence, direction: bytes.readInt8(1) < 0 ? -1 : 1, ...readMove(bytes) };
  },
  fields: 6,
  pack: packMove,
  unpack(symbol, source, at) {
    const direction = source[at + 1] as Anomaly['direction'];
    return { symbol, direction, ...unpackMove(source, at) };
  },
};

export const STORED_ALERTS: StoredKind<Alert> = {
  name: 'alerts',
  check(alert) {
    checkRecord('alert', alert);
    const ruleBytes = Buffer.byteLength(alert.rule, 'utf8');
    if (ruleBytes >= 1 && ruleBytes <= RECORD_BYTES_MAX - RULE_AT) return;
    throw new RangeError(`'${alert.rule}' cannot be the rule of a stored alert`);
  },
  bytes: ({ rule }) => RULE_AT + Buffer.byteLength(rule, 'utf8'),
  write(target, at, alert, ordinal) {
    writeMove(target, at, alert, ordinal);
    target.writeDoubleLE(alert.startTime, at + 40);
    target.writeDoubleLE(alert.peak, at + 48);
    target.writeDoubleLE(alert.episode, at + 56);
    target.writeDoubleLE(alert.count, at + 64);
    target[at + 72] = alert.phase;
    target[at + 73] = alert.level;
    target[at + 74] = alert.reason;
    target[at + 75] = RULE_KINDS.indexOf(alert.kind);
    target[at + 76] = target.write(alert.rule, at + RULE_AT, 'utf8');
  },
  read(symbol, sequence, bytes) {
    checkVersion(bytes, RULE_AT + (bytes[76] ?? 0), 'alert');
    return {
      symbol,
      sequence,
      direction: bytes.readInt8(1) as Alert['direction'],
      ...readMove(bytes),
      startTime: bytes.readDoubleLE(40),
      peak: bytes.readDoubleLE(48),
      episode: bytes.readDoubleLE(56),
      count: bytes.readDoubleLE(64),
      phase: bytes[72] as Alert['phase'],
      level: bytes[73] as Alert['level'],
      reason: bytes[74] as Alert['reason'],
      kind: RULE_KINDS[bytes[75] as number] as RuleKind,
      // LMDB's buffer goes on behind the record, and Node 24 no longer heeds the length it claims.
      rule: bytes.toString('utf8', RULE_AT, RULE_AT + (bytes[76] as number)),
    };
  },
  fields: 15,
  pack(target, at, alert, textIndex) {
    packMove(target, at, alert);
    target[at + 6] = alert.startTime;
    target[at + 7] = alert.peak;
    target[at + 8] = alert.episode;
    target[at + 9] = alert.count;
    target[at + 10] = alert.phase;
    target[at + 11] = alert.level;
    target[at + 12] = alert.reason;
    target[at + 13] = RULE_KINDS.indexOf(alert.kind);
    target[at + 14] = textIndex(alert.rule);
  },
  unpack(symbol, source, at, texts) {
    return {
      symbol,
      direction: source[at + 1] as Alert['direction'],
      ...unpackMove(source, at),
      startTime: source[at + 6] as number,
      peak: source[at + 7] as number,
      episode: source[at + 8] as number,
      count: source[at + 9] as number,
      phase: source[at + 10] as Alert['phase'],
      level: source[at + 11] as Alert['level'],
      reason: source[at + 12] as Alert['reason'],
      kind: RULE_KINDS[source[at + 13] as number] as RuleKind,
      rule: texts[source[at + 14] as number] as string,
    };
  },
};

/** The kinds, by name: what threads tell each other. */
export const STORED_KINDS = { anomalies: STORED_ANOMALIES, alerts: STORED_ALERTS } as const;
