import { EntryKind, JournalReader, type SegmentFiles } from '../../src/journal/index.ts';
import { EventTimeOracle, type EventTimeRules } from '../../testkit/independent/event-time.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { type ExpectedAnomaly, SymbolOracle } from '../../testkit/independent/statistics.ts';

interface Rules {
  readonly movingAverageWindow: number;
  readonly slidingWindowMilliseconds: number;
  readonly anomalyThresholdPercent: number;
  readonly maxFutureMs: number;
}

/** A symbol's statistics, and what its detection comes to where ticks may wait. */
interface Oracles {
  readonly symbol: SymbolOracle;
  readonly detection: EventTimeOracle | undefined;
  readonly ruled: SymbolRules;
}

/** What a journal's entries come to. */
export interface Recomputed {
  /** The symbols that are not retired. */
  readonly symbols: ReadonlyMap<string, SymbolOracle>;
  /** All anomalies of each symbol, over all its lives. */
  readonly anomalies: ReadonlyMap<string, readonly ExpectedAnomaly[]>;
  /** All alerts of each symbol, over all its lives; rules compare with no moving average. */
  readonly alerts: ReadonlyMap<string, readonly ExpectedAlert[]>;
  /** Last sequences of named publishers. */
  readonly publishers: ReadonlyMap<string, number>;
  readonly ticks: number;
  readonly lost: number;
  readonly retired: number;
  readonly kept: number;
  readonly clocks: number;
  /** Rule files that came into force. */
  readonly ruleFiles: number;
}

/** Computes it entry by entry from the beginning, straight from docs/SEMANTICS.md. */
export function recompute(
  files: SegmentFiles,
  rules: Rules | (Rules & EventTimeRules),
  partitionOf: (symbol: string, partitions: number) => number,
): Recomputed {
  const lost = lostPositions(files);
  const symbols = new Map<string, Oracles>();
  const anomalies = new Map<string, ExpectedAnomaly[]>();
  const alerts = new Map<string, ExpectedAlert[]>();
  let file: OracleFile = { rules: [] };
  const publishers = new Map<string, number>();
  const names = { symbols: new Map<number, string>(), publishers: new Map<number, string>() };
  const counts = { ticks: 0, lost: 0, retired: 0, kept: 0, clocks: 0, ruleFiles: 0 };
  let offered: number[] = [];
  const reader = new JournalReader(files);
  while (reader.next()) {
    const { segment } = reader;
    switch (reader.kind) {
      case EntryKind.SEGMENT:
        names.symbols.clear();
        names.publishers.clear();
        offered = [...segment.offered];
        break;
      case EntryKind.SYMBOL:
        names.symbols.set(reader.id, reader.name);
        break;
      case EntryKind.PUBLISHER:
        names.publishers.set(reader.id, reader.name);
        break;
      case EntryKind.TICKS: {
        const { doubles, words, pricesAt, timesAt, idsAt } = reader;
        for (let i = 0; i < reader.count; i++) {
          const name = names.symbols.get(words[idsAt + i] as number) as string;
          const partition = partitionOf(name, segment.offered.length);
          const position = offered[partition] as number;
          offered[partition] = position + 1;
          counts.ticks++;
          if (lost.has(`${segment.runStart}/${partition}/${position}`)) {
            counts.lost++;
            continue;
          }
          const own = anomalies.get(name) ?? [];
          anomalies.set(name, own);
          let oracle = symbols.get(name);
          if (oracle === undefined) {
            oracle = createOracles(name, rules, file, own.length, alerts.get(name)?.length ?? 0);
            symbols.set(name, oracle);
          }
          const latest = reader.receiptTime + rules.maxFutureMs;
          const price = doubles[pricesAt + i] as number;
          const time = doubles[timesAt + i] as number;
          const raised = oracle.symbol.apply(price, time, latest);
          const { receiptTime: receivedAt } = reader;
          oracle.ruled.take({ price, time, receivedAt, average: undefined });
          collectAlerts(name, oracle.ruled);
          if (oracle.detection === undefined) {
            own.push(...raised);
            continue;
          }
          oracle.detection.apply({ price, time }, reader.receiptTime);
          own.push(...oracle.detection.anomalies.splice(0));
        }
        const publisher = names.publishers.get(reader.publisherId);
        if (publisher !== undefined && !reader.hasMore) publishers.set(publisher, reader.sequence);
        break;
      }
      case EntryKind.RETIRE:
        for (let i = 0; i < reader.count; i++) {
          const name = names.symbols.get(reader.retiredId(i)) as string;
          const expected = reader.expectedCount(i);
          const count = symbols.get(name)?.symbol.count ?? 0;
          if (expected >= 0 && count !== expected) {
            counts.kept++;
            continue;
          }
          counts.retired++;
          const { ruled } = symbols.get(name) ?? {};
          ruled?.retire();
          if (ruled !== undefined) collectAlerts(name, ruled);
          symbols.delete(name);
        }
        break;
      case EntryKind.CLOCK:
        counts.clocks++;
        for (const [name, { detection, ruled }] of symbols) {
          ruled.clock(reader.clock);
          collectAlerts(name, ruled);
          detection?.clock(reader.clock);
          anomalies.get(name)?.push(...(detection?.anomalies.splice(0) ?? []));
        }
        break;
      case EntryKind.RULES:
        counts.ruleFiles++;
        file = JSON.parse(reader.rulesText) as OracleFile;
        for (const [name, { ruled }] of symbols) {
          ruled.change(file, reader.clock);
          collectAlerts(name, ruled);
        }
        break;
      case EntryKind.CLOSE:
      case EntryKind.LOST:
      case EntryKind.GAP:
      case EntryKind.ALERTS:
      case EntryKind.PADDING:
        break;
    }
  }
  reader.close();
  const statistics = new Map([...symbols].map(([name, { symbol }]) => [name, symbol]));
  return { symbols: statistics, anomalies, alerts, publishers, ...counts };

  function collectAlerts(name: string, ruled: SymbolRules): void {
    const own = alerts.get(name) ?? [];
    alerts.set(name, own);
    own.push(...ruled.alerts.splice(0));
  }
}

function createOracles(
  name: string,
  rules: Rules | (Rules & EventTimeRules),
  file: OracleFile,
  lastAnomaly: number,
  lastAlert: number,
): Oracles {
  const symbol = new SymbolOracle(rules);
  symbol.lastAnomaly = lastAnomaly;
  const isWaiting = 'allowedLatenessMs' in rules;
  const isFolded = isWaiting && rules.lateTicks === 'fold';
  const foldedMs = isFolded ? rules.slidingWindowMilliseconds : undefined;
  const eventTime = isWaiting ? { ...rules, foldedMs } : {};
  const ruled = new SymbolRules(file, name, eventTime, undefined, lastAlert);
  if (!isWaiting) return { symbol, detection: undefined, ruled };
  const detection = new EventTimeOracle(rules);
  detection.lastAnomaly = lastAnomaly;
  return { symbol, detection, ruled };
}

/** Positions of lost ticks: `run/partition/position`. */
function lostPositions(files: SegmentFiles): Set<string> {
  const lost = new Set<string>();
  const reader = new JournalReader(files, { kinds: [EntryKind.LOST] });
  while (reader.next()) {
    if (reader.kind !== EntryKind.LOST) continue;
    for (let position = reader.lostFrom; position < reader.lostTo; position++) {
      lost.add(`${reader.segment.runStart}/${reader.partition}/${position}`);
    }
  }
  reader.close();
  return lost;
}
