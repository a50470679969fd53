import { AcceptRule } from '../../src/cluster/accept-rule.ts';
import type { Bus } from '../../src/cluster/bus.ts';
import { isSegments, readEntry } from '../../src/cluster/log-entries.ts';
import type { ClusterNames } from '../../src/cluster/names.ts';
import { SegmentReader } from '../../src/cluster/segments.ts';
import { EventTimeOracle, type EventTimeRules } from '../../testkit/independent/event-time.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  SymbolRules,
} from '../../testkit/independent/rules.ts';

const USUAL: EventTimeRules = {
  slidingWindowMilliseconds: 1000,
  anomalyThresholdPercent: 2,
  lateTicks: 'ignore',
  allowedLatenessMs: 0,
  reorderTicks: 256,
};

/** What a shard's log leads to: its messages read a second time, and judged from the definition. */
export class LoggedAlerts {
  /** Rule files in their order, and readings of the clock. */
  files = 0;
  clocks = 0;
  #file: OracleFile = { rules: [] };
  #number = 0;
  readonly #accept = new AcceptRule();
  readonly #symbols = new Map<string, SymbolRules>();
  readonly #detections = new Map<string, EventTimeOracle>();
  readonly #eventTime: EventTimeRules;

  constructor(eventTime: Partial<EventTimeRules> = {}) {
    this.#eventTime = { ...USUAL, ...eventTime };
  }

  take(message: Uint8Array): void {
    if (isSegments(message)) {
      this.#takeTicks(message);
      return;
    }
    const { clock, rules } = readEntry(message);
    if (clock !== undefined) {
      this.clocks++;
      for (const symbol of this.#symbols.values()) symbol.clock(clock);
      for (const detection of this.#detections.values()) detection.clock(clock);
    }
    if (rules === undefined || rules.number <= this.#number) return;
    this.files++;
    this.#number = rules.number;
    this.#file = JSON.parse(rules.text) as OracleFile;
    for (const symbol of this.#symbols.values()) symbol.change(this.#file, rules.since);
  }

  /** By symbol; without those that have none. */
  alerts(): Map<string, readonly ExpectedAlert[]> {
    return new Map(
      [...this.#symbols].flatMap(([name, { alerts }]) =>
        alerts.length === 0 ? [] : [[name, alerts] as const],
      ),
    );
  }

  /** The same for anomalies. */
  anomalies(): Map<string, readonly unknown[]> {
    return new Map(
      [...this.#detections].flatMap(([name, { anomalies }]) =>
        anomalies.length === 0 ? [] : [[name, anomalies] as const],
      ),
    );
  }

  #takeTicks(message: Uint8Array): void {
    const reader = new SegmentReader(message);
    const names = reader.symbols.map((name) => new TextDecoder().decode(name));
    for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
      if (this.#accept.take(segment) !== undefined) continue;
      const { receivedAt } = segment;
      reader.forEachTick((index, price, time) => {
        const name = names[index] as string;
        const symbol =
          this.#symbols.get(name) ?? new SymbolRules(this.#file, name, this.#eventTime);
        this.#symbols.set(name, symbol);
        symbol.take({ price, time, receivedAt, average: undefined });
        const detection = this.#detections.get(name) ?? new EventTimeOracle(this.#eventTime);
        this.#detections.set(name, detection);
        detection.apply({ price, time }, receivedAt);
      });
    }
  }
}

/** What the logs of ticks lead to now, by symbol. */
export async function readLoggedAlerts(bus: Bus, names: ClusterNames, allowedLatenessMs = 0) {
  const anomalies = new Map<string, readonly unknown[]>();
  const alerts = new Map<string, readonly ExpectedAlert[]>();
  const counts = { files: 0, clocks: 0 };
  for (let shard = 0; shard < names.shards; shard++) {
    const logged = new LoggedAlerts({ allowedLatenessMs });
    const end = (await bus.last(names.tickLog(shard), names.ticks(shard)))?.sequence ?? 0;
    await new Promise<void>((resolve) => {
      if (end === 0) return resolve();
      const reading = bus.read(names.tickLog(shard), [names.ticks(shard)], 1, (message) => {
        if (message.sequence <= end) logged.take(message.payload);
        if (message.sequence < end) return;
        reading.stop();
        resolve();
      });
    });
    for (const [symbol, own] of logged.alerts()) alerts.set(symbol, own);
    for (const [symbol, own] of logged.anomalies()) anomalies.set(symbol, own);
    counts.files += logged.files;
    counts.clocks += logged.clocks;
  }
  return { alerts, anomalies, ...counts };
}
