import { anomalyKey, type PublisherRecord, ticksOf } from './expectation.ts';
import type { ExpectedSymbol, ServedSymbol } from './expected-symbol.ts';
import type { ServedAnomaly, ServerApi } from './server-api.ts';

/** What the server is held against in the end. */
export interface StateChecks {
  readonly api: ServerApi;
  readonly expected: ReadonlyMap<string, ExpectedSymbol>;
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
  /** Of the anomalies, those that only a window restored from a snapshot can have raised. */
  readonly restored: number;
  /** Symbols that miss a tick that a dead worker skipped. */
  readonly incomplete: number;
  /** Stored anomalies of ticks that were lost with a killed server, or that it took and was then sent again. */
  readonly orphans: number;
}

/** Holds statistics and stored anomalies of every symbol against their definition. */
export async function checkState(checks: StateChecks): Promise<StateFindings> {
  const { api, expected, violate } = checks;
  const served = new Map((await api.symbols()).map((state) => [state.symbol, state]));
  for (const symbol of served.keys()) {
    if (!expected.has(symbol)) violate(`${symbol}: nobody published it`);
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
      for (const difference of state.differences(found)) violate(`${symbol}: ${difference}`);
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

/** The stored anomalies that the ticks do not account for; those that they demand must be there, in their order. */
function orphansOf(
  { anomalies: demanded }: ExpectedSymbol,
  stored: readonly ServedAnomaly[],
  prefix: string,
  violate: (message: string) => void,
): ServedAnomaly[] {
  const orphans: ServedAnomaly[] = [];
  let at = 0;
  for (const anomaly of stored) {
    const next = demanded[at];
    const key = anomalyKey({ ...anomaly, time: Date.parse(anomaly.timestamp) });
    if (next !== undefined && anomalyKey(next) === key) at++;
    else orphans.push(anomaly);
  }
  const missing = demanded[at];
  if (missing !== undefined) {
    const count = demanded.length - at;
    violate(`${prefix}${count} anomalies are not stored, the first: ${anomalyKey(missing)}`);
  }
  return orphans;
}

/** Ticks that a killed server may have applied and stored anomalies of, although the next one knows nothing of that. */
function takenBackTicks(records: readonly PublisherRecord[]): Set<string> {
  const takenBack = new Set<string>();
  for (const record of records) {
    const { lost, again } = record.lineage;
    for (const { symbol, price, time } of ticksOf(record, [...lost, ...again])) {
      takenBack.add(tickKey(record.ticks.symbols[symbol] ?? '', time, price));
    }
  }
  return takenBack;
}

function tickKey(symbol: string, time: number, price: number): string {
  return `${symbol} ${time} ${price}`;
}
