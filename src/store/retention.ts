import {
  anomalyKey,
  type Databases,
  decodeSymbolRow,
  encodeSymbolRow,
  keyOfTimeKey,
  type OwnedDatabases,
  ordinalKey,
  ordinalOfRecord,
  SEQUENCE_MAX,
  sequenceOfKey,
  symbolKey,
  symbolOfKey,
  timeBound,
  timeKey,
  timeOfRecord,
  transact,
} from './databases.ts';
import type { Store } from './store.ts';

/** Anomalies removed in one transaction: a batch that arrives meanwhile waits a few ms for it. */
const SLICE = 200;

export interface RetentionLimits {
  /** Anomalies of earlier ticks are removed, ms since the epoch. */
  readonly oldestTime: number;
  /** Anomalies kept for each symbol; 0: all. */
  readonly perSymbol: number;
}

/**
 * Removes the anomalies beyond the limits, a slice at each step; yields how many were removed. A
 * symbol that loses all its anomalies keeps its last sequence.
 */
export function* pruneSlices(
  databases: OwnedDatabases,
  limits: RetentionLimits,
): Generator<number> {
  for (;;) {
    const keys = keysBefore(databases, limits.oldestTime);
    if (keys.length === 0) break;
    yield removeSlice(databases, keys);
  }
  if (limits.perSymbol === 0) return;
  let after: Buffer | undefined;
  for (;;) {
    const slice = keysBeyond(databases, limits.perSymbol, after);
    if (slice.keys.length > 0) yield removeSlice(databases, slice.keys);
    else yield 0;
    if (slice.next === undefined) return;
    after = slice.next;
  }
}

function keysBefore({ times }: Databases, time: number): Buffer[] {
  if (!(time > 0)) return [];
  const range = times.getKeys({ end: timeBound(time), limit: SLICE });
  return Array.from(range, (key) => Buffer.from(keyOfTimeKey(key)));
}

/**
 * The next keys to remove from symbols with too many anomalies, beginning at symbol `from`.
 *
 * @returns next: the symbol to continue with; undefined after the last
 */
function keysBeyond(
  { symbols, anomalies }: Databases,
  perSymbol: number,
  from: Buffer | undefined,
): { keys: Buffer[]; next: Buffer | undefined } {
  const keys: Buffer[] = [];
  let looked = 0;
  const rows = symbols.getRange(from === undefined ? {} : { start: from });
  for (const { key, value } of rows) {
    if (keys.length >= SLICE || looked++ >= SLICE) return { keys, next: Buffer.from(key) };
    const { first, last } = decodeSymbolRow(value);
    if (last - perSymbol + 1 <= first) continue;
    const symbol = key.toString('utf8');
    const range = {
      start: anomalyKey(symbol, 0),
      end: anomalyKey(symbol, last - perSymbol + 1),
      limit: SLICE - keys.length,
    };
    for (const beyond of anomalies.getKeys(range)) keys.push(Buffer.from(beyond));
    if (keys.length >= SLICE) return { keys, next: Buffer.from(key) };
  }
  return { keys, next: undefined };
}

function removeSlice(databases: OwnedDatabases, keys: readonly Buffer[]): number {
  const { anomalies, times, arrivals } = databases;
  transact(databases, { count: keys.length, bytes: 0 }, () => {
    const changed = new Set<string>();
    for (const key of keys) {
      const record = anomalies.getBinary(key);
      if (record === undefined) continue;
      times.removeSync(timeKey(timeOfRecord(record), key));
      arrivals.removeSync(ordinalKey(ordinalOfRecord(record)));
      anomalies.removeSync(key);
      changed.add(symbolOfKey(key));
    }
    for (const symbol of changed) updateFirst(databases, symbol);
  });
  return keys.length;
}

function updateFirst({ anomalies, symbols }: Databases, symbol: string): void {
  const key = symbolKey(symbol);
  const bytes = symbols.getBinary(key);
  if (bytes === undefined) return;
  const { last } = decodeSymbolRow(bytes);
  const range = { start: anomalyKey(symbol, 0), end: anomalyKey(symbol, SEQUENCE_MAX), limit: 1 };
  let first = last + 1;
  for (const held of anomalies.getKeys(range)) first = sequenceOfKey(held);
  symbols.putSync(key, encodeSymbolRow({ first, last }));
}

const INTERVAL_MS = 60_000;

/** Prunes the store once a minute. */
export class Retention {
  readonly #store: Store;
  readonly #log: { warn(fields: object, message: string): void };
  readonly #timer: NodeJS.Timeout;
  #isPruning = false;

  constructor(store: Store, log: { warn(fields: object, message: string): void }) {
    this.#store = store;
    this.#log = log;
    this.#timer = setInterval(() => void this.#prune(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #prune(): Promise<void> {
    if (this.#isPruning) return;
    this.#isPruning = true;
    try {
      await this.#store.prune(Date.now());
    } catch (error) {
      this.#log.warn({ err: error }, 'could not remove old anomalies; trying again in a minute');
    } finally {
      this.#isPruning = false;
    }
  }
}
