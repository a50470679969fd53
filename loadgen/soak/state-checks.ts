import { ulpsBetween } from '../../testkit/independent/exact-mean.ts';
import { DEFAULT_RULES, SymbolOracle } from '../../testkit/independent/statistics.ts';
import type { KnownTick, KnownTicks } from './known-ticks.ts';
import type { Lineage } from './lineage.ts';
import type { ServedAnomaly, ServedSymbol, ServerApi } from './server-api.ts';

/** A publisher's stream, and what of it the server has. */
export interface PublisherRecord {
  readonly name: string;
  readonly ticks: KnownTicks;
  readonly frameTicks: number;
  readonly lineage: Pick<Lineage, 'frames' | 'lost' | 'again' | 'starts'>;
  /** Ticks of the stream that the server refused although they are good. */
  readonly refused?: ReadonlySet<number>;
}

/** Calls `take` with the valid ticks of a frame of a stream, in their order. */
function takeTicks(
  { ticks, frameTicks, refused }: PublisherRecord,
  frame: number,
  take: (tick: KnownTick) => void,
): void {
  for (let i = 0; i < frameTicks; i++) {
    const index = frame * frameTicks + i;
    const tick = ticks.at(index);
    if (!tick.isBad && refused?.has(index) !== true) take(tick);
  }
}

/**
 * What the server must know of the symbols of publishers, each of which has its own.
 *
 * @param windowMs the server's `processing.slidingWindowMilliseconds`, its default where not given
 */
export function expectedSymbols(
  records: Iterable<PublisherRecord>,
  windowMs = DEFAULT_RULES.slidingWindowMilliseconds,
): Map<string, SymbolOracle> {
  const rules = { ...DEFAULT_RULES, slidingWindowMilliseconds: windowMs };
  const expected = new Map<string, SymbolOracle>();
  for (const record of records) {
    const own = record.ticks.symbols.map(() => new SymbolOracle(rules));
    const { frames, starts } = record.lineage;
    const apply = ({ symbol, price, time }: KnownTick) => own[symbol]?.apply(price, time);
    let life = 0;
    for (const [index, frame] of frames.entries()) {
      while (index >= (starts[life] ?? Number.POSITIVE_INFINITY)) {
        for (const oracle of own) oracle.restarted();
        life++;
      }
      takeTicks(record, frame, apply);
    }
    for (const [i, oracle] of own.entries()) {
      if (oracle.count > 0) expected.set(record.ticks.symbols[i] as string, oracle);
    }
  }
  return expected;
}

/** Units in the last place that an average may be off. */
const AVERAGE_ULPS = 2;

/** What the server is held against in the end. */
export interface StateChecks {
  readonly api: ServerApi;
  readonly expected: ReadonlyMap<string, SymbolOracle>;
  readonly records: readonly PublisherRecord[];
  /** Ticks that dead workers skipped: so many may be missing. */
  readonly skipped: number;
  readonly violate: (message: string) => void;
}

/** What was compared. */
export interface StateFindings {
  readonly symbols: number;
  readonly ticks: number;
  readonly anomalies: number;
  /** Anomalies that only a window restored from a snapshot can have raised. */
  readonly restored: number;
  /** Symbols that miss a tick that a dead worker skipped. */
  readonly incomplete: number;
  /**
   * Stored anomalies of ticks that were lost with a killed server, or that it took and was then
   * sent again.
   */
  readonly orphans: number;
}

/** Holds statistics and stored anomalies of every symbol against their definition. */
export async function checkState(checks: StateChecks): Promise<StateFindings> {
  const { api, expected, violate } = checks;
  const served = new Map((await api.symbols()).map((state) => [state.symbol, state]));
  for (const symbol of served.keys()) {
    if (!expected.has(symbol)) violate(`${symbol}: was not published`);
  }
  const takenBack = takenBackTicks(checks.records);
  const none = { ticks: 0, anomalies: 0, restored: 0, incomplete: 0, orphans: 0 };
  const findings = { symbols: expected.size, ...none };
  let missing = 0;
  for (const [symbol, state] of expected) {
    const found = served.get(symbol);
    if (found === undefined) {
      violate(`${symbol}: the server does not know it`);
      continue;
    }
    findings.ticks += found.updateCount;
    const deficit = state.count - found.updateCount;
    if (deficit > 0 && deficit <= checks.skipped - missing) {
      missing += deficit;
      findings.incomplete++;
    } else {
      for (const difference of differences(state, found)) violate(`${symbol}: ${difference}`);
    }
    const anomalies = await api.anomalies(symbol);
    findings.anomalies += anomalies.length;
    checkNumbering(found, anomalies, violate);
    if (deficit > 0) continue;
    findings.restored += state.restored;
    const orphans = orphansOf(state, anomalies, `${symbol}: `, violate);
    findings.orphans += orphans.length;
    for (const { sequence, timestamp, newPrice } of orphans) {
      if (!takenBack.has(tickKey(symbol, Date.parse(timestamp), newPrice))) {
        violate(`${symbol}: anomaly ${sequence} is of no tick that the server had`);
      }
    }
  }
  return findings;
}

/** Where the server's statistics of a symbol differ from the expected ones. */
export function differences(expected: SymbolOracle, served: ServedSymbol): string[] {
  const { average } = expected;
  const isClose = ulpsBetween(served.movingAverage, average) <= AVERAGE_ULPS;
  const pairs: [name: string, expected: number, found: number][] = [
    ['count', expected.count, served.updateCount],
    ['price', expected.price, served.currentPrice],
    ['time', expected.time, Date.parse(served.lastUpdateTime)],
    ['min', expected.min, served.minPrice],
    ['max', expected.max, served.maxPrice],
    ['average', average, isClose ? average : served.movingAverage],
  ];
  return pairs
    .filter(([, wanted, found]) => wanted !== found)
    .map(([name, wanted, found]) => `${name} is ${found}, must be ${wanted}`);
}

function checkNumbering(
  { symbol, anomaliesDetected }: ServedSymbol,
  anomalies: readonly ServedAnomaly[],
  violate: (message: string) => void,
): void {
  const wrong = anomalies.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (wrong >= 0) {
    violate(`${symbol}: stored anomaly ${wrong + 1} has sequence ${anomalies[wrong]?.sequence}`);
  }
  if (anomalies.length !== anomaliesDetected) {
    violate(`${symbol}: ${anomaliesDetected} anomalies detected, ${anomalies.length} stored`);
  }
}

/**
 * The stored anomalies that the ticks do not account for; those that they demand must be there, in
 * their order.
 */
function orphansOf(
  { anomalies: demanded }: SymbolOracle,
  stored: readonly ServedAnomaly[],
  prefix: string,
  violate: (message: string) => void,
): ServedAnomaly[] {
  const orphans: ServedAnomaly[] = [];
  let at = 0;
  for (const anomaly of stored) {
    const next = demanded[at];
    const isNext =
      next?.time === Date.parse(anomaly.timestamp) &&
      next.direction === (anomaly.direction === 'Up' ? 1 : -1) &&
      next.reference === anomaly.referencePrice &&
      next.price === anomaly.newPrice;
    if (isNext) at++;
    else orphans.push(anomaly);
  }
  const missing = demanded[at];
  if (missing !== undefined) {
    const count = demanded.length - at;
    violate(`${prefix}${count} anomalies are not stored, the first: ${JSON.stringify(missing)}`);
  }
  return orphans;
}

/**
 * Ticks that a killed server may have applied and stored anomalies of, although the next one knows
 * nothing of that.
 */
function takenBackTicks(records: readonly PublisherRecord[]): Set<string> {
  const takenBack = new Set<string>();
  for (const record of records) {
    const { lost, again } = record.lineage;
    const take = ({ symbol, price, time }: KnownTick) =>
      takenBack.add(tickKey(record.ticks.symbols[symbol] ?? '', time, price));
    for (const frame of [...lost, ...again]) takeTicks(record, frame, take);
  }
  return takenBack;
}

function tickKey(symbol: string, time: number, price: number): string {
  return `${symbol} ${time} ${price}`;
}
