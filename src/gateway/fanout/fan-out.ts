import { setTimeout as delay } from 'node:timers/promises';
import type { ServedEngine } from '../../engine/index.ts';
import type { Alert, Anomaly, RaisedRecord } from '../../protocol/index.ts';
import type { GatewayCounters } from '../metrics/gateway-counters.ts';
import { STATS_PENDING } from '../subscriptions/session-subscriptions.ts';
import type { Subscriber, SubscriptionStore } from '../subscriptions/subscription-store.ts';
import type { RecordLog } from './record-log.ts';
import type { SymbolVersions } from './symbol-versions.ts';

/** Dirty symbols taken at a time. */
const TAKEN_MAX = 16_384;
/**
 * Most anomalies, and most alerts, taken in one run; the rest waits in its rings while sockets are
 * read.
 */
const RECORDS_PER_RUN = 4096;
/** Sessions flushed between two readings of the clock: a reading costs as much as an entry. */
const FLUSHED_PER_READING = 16;
/** Time between two drains for a snapshot, ms: the loop reads sockets meanwhile. */
const DRAIN_MS = 2;

/** What the engine raises of one kind, and where it goes. */
interface Raised {
  readonly log: Pick<RecordLog<RaisedRecord>, 'perSymbolMax' | 'space'>;
  /** Whether some wait in their rings. */
  readonly isRaised: () => boolean;
  /** Moves some from their rings to the log. Returns how many. */
  readonly take: (limit: number) => number;
  /** Taken since the last flush. */
  unflushed: number;
}

/** The logs that the fan-out fills. */
export interface RecordLogs {
  readonly anomalies: RecordLog<Anomaly>;
  readonly alerts: RecordLog<Alert>;
}

/**
 * Takes the changes from the engine, marks the subscriptions concerned, and brings the marked
 * sessions up to date with one message each. Runs on the gateway's thread, within one iteration of
 * the event loop.
 */
export class FanOut {
  readonly #engine: ServedEngine;
  readonly #subscriptions: SubscriptionStore;
  readonly #versions: SymbolVersions;
  readonly #raised: readonly Raised[];
  readonly #counters: GatewayCounters;
  readonly #taken = new Int32Array(TAKEN_MAX);
  /** Sessions with something to send: the first so many of the list. Its end is free space. */
  readonly #marked: (Subscriber | undefined)[] = [];
  #markedCount = 0;
  /** Ticks applied before the last run. */
  #applied = 0;
  #wasHeld = false;

  constructor(
    engine: ServedEngine,
    subscriptions: SubscriptionStore,
    versions: SymbolVersions,
    { anomalies, alerts }: RecordLogs,
    counters: GatewayCounters,
  ) {
    this.#engine = engine;
    this.#subscriptions = subscriptions;
    this.#versions = versions;
    this.#counters = counters;
    this.#raised = [
      {
        log: anomalies,
        isRaised: () => engine.hasAnomalies(),
        take: (limit) => engine.drainAnomalies(anomalies.append, limit),
        unflushed: 0,
      },
      {
        log: alerts,
        isRaised: () => engine.hasAlerts(),
        take: (limit) => engine.drainAlerts(alerts.append, limit),
        unflushed: 0,
      },
    ];
    const recordsAdded = () => this.recordsAdded();
    anomalies.observe({ recordAppended: (id) => this.#markRecords(id, 'anomalies'), recordsAdded });
    alerts.observe({ recordAppended: (id) => this.#markRecords(id, 'alerts'), recordsAdded });
  }

  /**
   * Takes all pending changes and flushes the sessions concerned. Returns the number of frames
   * sent.
   */
  run(): number {
    const { entriesOut, framesOut } = this.#counters;
    this.takeRaised();
    const applied = this.#engine.applied();
    let count: number;
    let symbols = 0;
    do {
      count = this.#engine.dirty.take(this.#taken);
      symbols += count;
      for (let i = 0; i < count; i++) this.markStats(this.#taken[i] as number);
    } while (count > TAKEN_MAX / 2);
    this.#flushMarked();
    const messages = this.#counters.framesOut - framesOut;
    const updates = (applied - this.#applied) / Math.max(1, symbols);
    const entries = this.#counters.entriesOut - entriesOut;
    this.updatesPerMessage = Math.max(1, (entries * updates) / Math.max(1, messages));
    this.#applied = applied;
    return messages;
  }

  /**
   * Updates in a message of the last {@link run}, on average, at least 1. An update is a tick,
   * alone or with others of its symbol in one entry.
   */
  updatesPerMessage = 1;

  /**
   * Whether anomalies or alerts stay in their rings because the store is full. A full ring makes
   * its worker wait; then its queue of ticks fills up, and the overflow policy decides.
   */
  get isHeld(): boolean {
    return this.#raised.some(({ log, isRaised }) => isRaised() && log.space === 0);
  }

  /** Whether {@link run} would take something. */
  hasNews(): boolean {
    if (!this.#engine.dirty.isEmpty()) return true;
    return this.#raised.some(({ log, isRaised }) => isRaised() && log.space > 0);
  }

  /**
   * Moves raised anomalies and alerts from their rings to the logs and marks the sessions that want
   * them. Before a row is looked at: then the log has every anomaly that the row counts, unless the
   * store is full. Takes no more between two flushes than a log keeps for a symbol, so a session
   * whose socket has space misses none.
   */
  takeRaised(): void {
    for (const raised of this.#raised) this.#take(raised);
    this.#countHold();
  }

  #take(raised: Raised): void {
    const { isRaised, log, take } = raised;
    let left = Math.min(RECORDS_PER_RUN, log.space);
    while (left > 0 && isRaised()) {
      const taken = take(Math.min(left, log.perSymbolMax - raised.unflushed));
      left -= taken;
      raised.unflushed += taken;
      // The last ones leave with the statistics: one message a session.
      if (raised.unflushed < log.perSymbolMax) break;
      this.#flushMarked();
    }
  }

  #countHold(): void {
    const { isHeld } = this;
    if (isHeld && !this.#wasHeld) this.#counters.storeFullEpisodes++;
    this.#wasHeld = isHeld;
  }

  /**
   * Resolves when the logs have everything raised before `raised` settled. Drains the rings
   * meanwhile: a worker may wait for space in its own.
   */
  async takeRecords(raised: Promise<unknown>): Promise<void> {
    let ends: readonly number[] | undefined;
    const note = () => {
      ends = this.#engine.raisedEnds();
    };
    raised.then(note, note);
    for (;;) {
      await delay(DRAIN_MS);
      this.takeRaised();
      this.#flushMarked();
      if (ends !== undefined && this.#engine.hasDrained(ends)) return;
    }
  }

  recordsAdded(): void {
    this.#flushMarked();
  }

  #flushMarked(): void {
    for (const raised of this.#raised) raised.unflushed = 0;
    const marked = this.#marked;
    let kept = 0;
    let now = 0;
    // A flush may mark others.
    for (let i = 0; i < this.#markedCount; i++) {
      const subscriber = marked[i] as Subscriber;
      marked[i] = undefined;
      if (i % FLUSHED_PER_READING === 0) now = performance.now();
      subscriber.flush(now);
      // Stays marked: not every socket reports that it has drained.
      subscriber.isMarked = subscriber.isBehind;
      if (subscriber.isMarked) marked[kept++] = subscriber;
    }
    this.#markedCount = kept;
  }

  #markRecords(symbolId: number, kind: keyof RecordLogs): void {
    const subscriptions = this.#subscriptions.of(symbolId);
    if (subscriptions === undefined) return;
    const { columns, subscribers } = this.#subscriptions;
    for (const subscription of subscriptions) {
      const subscriber = subscribers[columns.sessions[subscription] as number] as Subscriber;
      if (subscriber.markRecords(subscription, kind)) this.#mark(subscriber);
    }
  }

  /** Marks the subscriptions to a symbol whose row has changed. */
  markStats(symbolId: number): void {
    const subscriptions = this.#subscriptions.of(symbolId);
    // A symbol without subscribers costs a bit test, no more.
    if (subscriptions === undefined || subscriptions.length === 0) return;
    const isNew = this.#versions.refresh(symbolId);
    const current = this.#versions.current(symbolId);
    const { columns, subscribers } = this.#subscriptions;
    const { flags, sessions, versions } = columns;
    let conflated = 0;
    for (let i = 0; i < subscriptions.length; i++) {
      const subscription = subscriptions[i] as number;
      // Already marked: its session is on the list, is held back, or has a full socket.
      if (((flags[subscription] as number) & STATS_PENDING) !== 0) conflated++;
      // Even if the version is not new: a subscribing or verifying session may have refreshed it.
      else if (versions[subscription] !== current) {
        const subscriber = subscribers[sessions[subscription] as number] as Subscriber;
        subscriber.markStats(subscription);
        if (!subscriber.isHeld) this.#mark(subscriber);
      }
    }
    if (isNew) this.#counters.conflatedUpdates += conflated;
  }

  #mark(subscriber: Subscriber): void {
    if (subscriber.isMarked) return;
    subscriber.isMarked = true;
    this.#marked[this.#markedCount++] = subscriber;
  }
}
