import {
  type Counter,
  Engine,
  type EngineEvents,
  type EngineOptions,
} from '../../src/engine/index.ts';
import { ROW_VALUES } from '../../src/engine/memory/statistics-table.ts';
import type { Alert } from '../../src/protocol/index.ts';
import { DEFAULT_RULES, type Statistics } from '../../testkit/independent/statistics.ts';
import { Random } from '../../testkit/random.ts';
import { AnomalyRecorder, oneTick, statisticsOfRow } from './partition-rig.ts';
import type { StoryTick } from './tick-story.ts';

const ENGINE_DEFAULTS: EngineOptions = {
  partitions: 2,
  channelCapacity: 65_536,
  overwrites: false,
  maxSymbols: 1024,
  ...DEFAULT_RULES,
  windowCapacity: 1024,
};

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** An engine driven as by a gateway; records all its output. */
export class EngineRun {
  readonly engine: Engine;
  readonly options: EngineOptions;
  readonly anomalies = new AnomalyRecorder();
  /** By symbol; only with rules. */
  readonly alerts = new Map<number, Alert[]>();
  /** The last row of each marked symbol. */
  readonly rows = new Map<number, Statistics>();
  /** Rows whose version went backwards. */
  backwards = 0;
  readonly #versions = new Map<number, number>();
  readonly #taken = new Int32Array(4096);
  readonly #row = new Float64Array(ROW_VALUES);
  accepted = 0;
  refused = 0;

  private constructor(engine: Engine, options: EngineOptions) {
    this.engine = engine;
    this.options = options;
  }

  static async start(
    options: Partial<EngineOptions>,
    events: EngineEvents = {
      workerRestarted: (_, cause) => {
        throw cause;
      },
    },
  ): Promise<EngineRun> {
    const all = { ...ENGINE_DEFAULTS, ...options };
    return new EngineRun(await Engine.start(all, events), all);
  }

  register(symbols: number): void {
    const encoder = new TextEncoder();
    for (let i = 0; i < symbols; i++) {
      const bytes = encoder.encode(`SYM-${i}`);
      this.engine.symbols.register(bytes, 0, bytes.length);
    }
  }

  /** Offers one tick; false if refused. */
  offer({ symbolId, price, time }: StoryTick): boolean {
    const wasTaken = this.engine.tryOffer(symbolId, oneTick(price, time), 0);
    if (wasTaken) this.accepted++;
    else this.refused++;
    return wasTaken;
  }

  /** Publishes offered ticks, then takes the news. */
  async turn(): Promise<void> {
    this.engine.publishTicks();
    await turn();
    this.take();
  }

  take(): void {
    this.engine.drainAnomalies(this.anomalies.take);
    this.engine.drainAlerts(this.#takeAlert);
    const count = this.engine.dirty.take(this.#taken);
    for (let i = 0; i < count; i++) this.#read(this.#taken[i] as number);
  }

  /** Offers all ticks in frames; waits for room where `patient`. */
  async offerAll(ticks: readonly StoryTick[], { frame = 512, isPatient = true }): Promise<void> {
    for (let from = 0; from < ticks.length; from += frame) {
      for (const tick of ticks.slice(from, from + frame)) {
        if (isPatient) await this.#offerUntilTaken(tick);
        else this.offer(tick);
      }
      await this.turn();
    }
  }

  /** Takes news until none is pending. */
  async settle(): Promise<void> {
    while (this.engine.isBusy()) await this.turn();
  }

  /** Stops the engine while taking news. */
  async stop(): Promise<void> {
    const progress = { isStopped: false };
    const stopped = this.engine.stop(this.anomalies.take, this.#takeAlert).then(() => {
      progress.isStopped = true;
    });
    while (!progress.isStopped) await this.turn();
    await stopped;
    this.take();
  }

  /** Sum of a counter over all partitions. */
  sum(counter: Counter): number {
    let sum = 0;
    for (let i = 0; i < this.engine.partitions; i++) {
      sum += this.engine.status(i).counters.get(counter);
    }
    return sum;
  }

  readonly #takeAlert = (alert: Alert, symbolId: number): void => {
    const own = this.alerts.get(symbolId) ?? [];
    this.alerts.set(symbolId, own);
    own.push(alert);
  };

  async #offerUntilTaken(tick: StoryTick): Promise<void> {
    while (!this.offer(tick)) await this.turn();
  }

  #read(symbolId: number): void {
    const version = this.engine.statistics.read(symbolId, this.#row, 0);
    if (version <= 0) return;
    if (version < (this.#versions.get(symbolId) ?? 0)) this.backwards++;
    this.#versions.set(symbolId, version);
    this.rows.set(symbolId, statisticsOfRow(this.#row));
  }
}

/** A reproducible market: walks with jumps, some ticks late, times in whole ms. */
export function marketTicks(symbols: number, count: number, seed = 1): StoryTick[] {
  const random = new Random(seed);
  const prices = Array.from({ length: symbols }, (_, i) => 10 + i);
  return Array.from({ length: count }, (_, i) => {
    const symbolId = random.below(symbols);
    const jump = random.chance(0.01) ? 0.03 : 0.0005;
    const price = (prices[symbolId] as number) * (1 + (random.float() - 0.5) * 2 * jump);
    prices[symbolId] = price;
    const time = 1_700_000_000_000 + Math.floor(i / 4) - (random.chance(0.02) ? 50 : 0);
    return { symbolId, price, time };
  });
}
