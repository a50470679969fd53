import { type EndCause, RETIRED_MAX, type ServedEngine } from '../../engine/index.ts';
import type { FanOut, RecordLogs } from '../fanout/fan-out.ts';
import type { SymbolVersions } from '../fanout/symbol-versions.ts';
import type { FrameJournal } from '../ingest/frame-journal.ts';
import type { BackgroundTasks } from '../limits/background-tasks.ts';
import type { SymbolQuota } from '../limits/symbol-quota.ts';
import type { Subscriber, SubscriptionStore } from '../subscriptions/subscription-store.ts';

/**
 * Why a symbol is retired: no ticks for `limits.symbolIdleDays`, or by an operator; in a cluster
 * also because it is found to be gone.
 */
export type RetireCause = EndCause;

/** Subscriptions that one step ends; a symbol is never divided. */
const SUBSCRIPTIONS_PER_STEP = 4096;

interface Retiring {
  readonly symbolId: number;
  readonly wireId: number;
  readonly count: number;
  readonly cause: RetireCause;
  readonly whenDone: Promise<boolean>;
  readonly done: (isRetired: boolean) => void;
}

interface RetirementContext extends RecordLogs {
  readonly background: BackgroundTasks;
  readonly engine: ServedEngine;
  readonly fanOut: FanOut;
  readonly journal: FrameJournal | undefined;
  readonly quota: SymbolQuota;
  readonly subscriptions: SubscriptionStore;
  readonly versions: SymbolVersions;
}

/**
 * Retires symbols, some hundred at a time:
 *
 * 1. The workers forget them, in order with their ticks: `Engine.retire`.
 * 2. The anomalies and alerts that they raised before are taken from the rings, and passed on.
 * 3. In steps, sessions are told, memory and quotas are given back, and the places of the symbols
 *    are free.
 *
 * Until then a symbol keeps its place and its name, and nothing reads its row. A tick that comes in
 * the meantime is applied in order, and begins the symbol's next life: it keeps its place and its
 * subscriptions, under a new wire id.
 */
export class SymbolRetirement {
  /** Symbols retired since the start. */
  readonly retired: Record<RetireCause, number> = { idle: 0, operator: 0, missing: 0 };
  readonly #context: RetirementContext;
  readonly #fault: (error: unknown) => void;
  /** By wire id, in order. */
  readonly #waiting = new Map<number, Retiring>();
  readonly #running = new Map<number, Retiring>();
  #isRunning = false;
  #isStopped = false;

  constructor(context: RetirementContext, fault: (error: unknown) => void) {
    this.#context = context;
    this.#fault = fault;
  }

  /**
   * Retires an existing symbol. Resolves to true when it is gone, or has begun its next life; to
   * false if it was kept, or the server stops.
   *
   * @param count only if it has this many ticks by then; -1: in any case
   */
  retire(symbolId: number, cause: RetireCause, count = -1): Promise<boolean> {
    const wireId = this.#context.engine.symbols.wireId(symbolId);
    const known = this.#running.get(wireId) ?? this.#waiting.get(wireId);
    if (known !== undefined) return known.whenDone;
    let done: (isRetired: boolean) => void = () => undefined;
    const whenDone = new Promise<boolean>((resolve) => {
      done = resolve;
    });
    this.#waiting.set(wireId, { symbolId, wireId, count, cause, whenDone, done });
    void this.#run();
    return whenDone;
  }

  /** Retires no more. */
  stop(): void {
    this.#isStopped = true;
    for (const { done } of [...this.#waiting.values(), ...this.#running.values()]) done(false);
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      // What is asked for in this turn of the event loop makes one batch.
      await new Promise(setImmediate);
      while (this.#waiting.size > 0 && !this.#isStopped) await this.#retireBatch();
    } catch (error) {
      this.#fault(error);
    } finally {
      this.#isRunning = false;
    }
  }

  async #retireBatch(): Promise<void> {
    const { alerts, anomalies, engine, fanOut, journal } = this.#context;
    const batch = [...this.#waiting.values()].slice(0, RETIRED_MAX);
    for (const retiring of batch) {
      this.#waiting.delete(retiring.wireId);
      this.#running.set(retiring.wireId, retiring);
    }
    const retiring = engine.retire(batch, () => journal?.retire(batch));
    await fanOut.takeRecords(retiring);
    const areForgotten = await retiring;
    await anomalies.settled();
    await alerts.settled();
    const forgotten = batch.filter((_, index) => areForgotten[index]);
    for (const [index, { symbolId }] of batch.entries()) {
      if (areForgotten[index] === false) engine.symbols.cancelRetiring(symbolId);
    }
    for (let from = 0; from < forgotten.length; ) from = await this.#finishSome(forgotten, from);
    for (const { done, wireId } of batch) {
      this.#running.delete(wireId);
      done(false);
    }
  }

  /** Finishes some symbols in one step. Returns where the next step starts. */
  #finishSome(retiring: readonly Retiring[], from: number): Promise<number> {
    return new Promise((resolve) => {
      this.#context.background.add(() => {
        const concerned = new Set<Subscriber>();
        let next = from;
        for (let left = SUBSCRIPTIONS_PER_STEP; left > 0 && next < retiring.length; next++) {
          const one = retiring[next] as Retiring;
          left -= 1 + (this.#context.subscriptions.of(one.symbolId)?.length ?? 0);
          this.#finish(one, concerned);
        }
        for (const subscriber of concerned) subscriber.flush();
        resolve(next);
      });
    });
  }

  #finish({ cause, done, symbolId }: Retiring, concerned: Set<Subscriber>): void {
    const { alerts, anomalies, engine, fanOut, quota, subscriptions, versions } = this.#context;
    const name = engine.symbols.name(symbolId);
    const hasReturned = engine.symbols.tickId(symbolId) >= 0;
    subscriptions.symbolRetired(symbolId, name, hasReturned, concerned);
    versions.forget(symbolId);
    if (!hasReturned) {
      anomalies.forget(symbolId);
      alerts.forget(symbolId);
      quota.release(symbolId, name);
    }
    engine.forget(symbolId);
    // Changes of its next life were not looked at meanwhile.
    if (hasReturned) fanOut.markStats(symbolId);
    this.retired[cause]++;
    done(true);
  }
}
