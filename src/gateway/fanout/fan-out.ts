import type { Engine } from '../../engine/index.ts';
import type { GatewayCounters } from '../metrics/gateway-counters.ts';
import { STATS_PENDING } from '../subscriptions/link-table.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import type { AnomalyLog, AnomalyObserver } from './anomaly-log.ts';
import type { SessionSender } from './session-sender.ts';
import type { SymbolVersions } from './symbol-versions.ts';

/** Dirty symbols taken at a time. */
const TAKEN_MAX = 16_384;
/** Anomalies taken in one run at most; the rest waits in its rings while sockets are read. */
const ANOMALIES_PER_RUN = 4096;

/**
 * Takes the changes from the engine, marks the subscriptions concerned, and brings the marked
 * sessions up to date with one message each. Runs on the gateway's thread, within one turn of the
 * event loop.
 */
export class FanOut implements AnomalyObserver {
  readonly #engine: Engine;
  readonly #subscriptions: Subscriptions;
  readonly #versions: SymbolVersions;
  readonly #anomalies: AnomalyLog;
  readonly #counters: GatewayCounters;
  readonly #taken = new Int32Array(TAKEN_MAX);
  #touched: SessionSender[] = [];

  constructor(
    engine: Engine,
    subscriptions: Subscriptions,
    versions: SymbolVersions,
    anomalies: AnomalyLog,
    counters: GatewayCounters,
  ) {
    this.#engine = engine;
    this.#subscriptions = subscriptions;
    this.#versions = versions;
    this.#anomalies = anomalies;
    this.#counters = counters;
    anomalies.observe(this);
  }

  /**
   * Takes all changes there are now and flushes the sessions concerned. Returns the number of
   * frames sent.
   */
  run(): number {
    const { framesOut } = this.#counters;
    this.#runAnomalies();
    let count: number;
    do {
      count = this.#engine.dirty.take(this.#taken);
      for (let i = 0; i < count; i++) this.#markStats(this.#taken[i] as number);
    } while (count > TAKEN_MAX / 2);
    this.#flushTouched();
    return this.#counters.framesOut - framesOut;
  }

  /**
   * Anomalies first: their rings are small, and a worker may be waiting for space. Takes no more at
   * a time than the log keeps for a symbol, so a session whose socket has room misses none. Returns
   * false when some may be left.
   */
  #runAnomalies(): boolean {
    const atATime = this.#anomalies.perSymbolMax;
    for (let left = ANOMALIES_PER_RUN; left > 0; left -= atATime) {
      if (this.#engine.drainAnomalies(this.#anomalies.append, atATime) < atATime) return true;
      this.#flushTouched();
    }
    return false;
  }

  /** Drains all rings. Terminates: only this thread feeds the workers. */
  takeAnomalies(): void {
    while (!this.#runAnomalies()) {
      // Each run takes some.
    }
    this.#flushTouched();
  }

  anomaliesDurable(): void {
    this.#flushTouched();
  }

  #flushTouched(): void {
    const touched = this.#touched;
    let kept = 0;
    for (let i = 0; i < touched.length; i++) {
      const delivery = touched[i] as SessionSender;
      delivery.flush();
      delivery.isTouched = delivery.isBehind;
      // Looked at again: not every socket reports that it has drained.
      if (delivery.isTouched) touched[kept++] = delivery;
    }
    touched.length = kept;
  }

  anomalyAppended(symbolId: number): void {
    const links = this.#subscriptions.of(symbolId);
    if (links === undefined) return;
    const { deliveries } = this.#subscriptions;
    const { owners } = this.#subscriptions.links;
    for (const link of links) {
      const delivery = deliveries[owners[link] as number] as SessionSender;
      delivery.markAnomalies(link);
      this.#touch(delivery);
    }
  }

  #markStats(symbolId: number): void {
    const links = this.#subscriptions.of(symbolId);
    // A symbol without subscribers costs a bit test, no more.
    if (links === undefined || links.length === 0) return;
    const isNew = this.#versions.refresh(symbolId);
    const current = this.#versions.current(symbolId);
    const { deliveries } = this.#subscriptions;
    const { cursors, flags, owners } = this.#subscriptions.links;
    let conflated = 0;
    for (let i = 0; i < links.length; i++) {
      const link = links[i] as number;
      // Marked before: its session is on the list, waits for its `conflateMs`, or has no room.
      if (((flags[link] as number) & STATS_PENDING) !== 0) conflated++;
      // Also if the version is not new: a subscribing or verifying session took it for itself only.
      else if (cursors[link] !== current) {
        const delivery = deliveries[owners[link] as number] as SessionSender;
        delivery.markStats(link);
        if (!delivery.pace.isWaiting) this.#touch(delivery);
      }
    }
    if (isNew) this.#counters.conflatedUpdates += conflated;
  }

  #touch(delivery: SessionSender): void {
    if (delivery.isTouched) return;
    delivery.isTouched = true;
    this.#touched.push(delivery);
  }
}
