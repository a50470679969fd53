import { Counter, Engine, monotonicUs } from '../../src/engine/index.ts';
import { DEFAULT_RULES } from '../../testkit/independent/statistics.ts';

/** A real engine with one worker, driven from this thread. */
export class EngineRig {
  readonly engine: Engine;
  readonly symbols: readonly string[];
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  readonly #deaths: Error[];
  /** The tick offered for each symbol. */
  readonly #ticks = {
    prices: Float64Array.of(100),
    times: Float64Array.of(Date.now() - 3_600_000),
    receivedAt: 0,
    receivedUs: 0,
  };

  private constructor(engine: Engine, symbols: readonly string[], deaths: Error[]) {
    this.engine = engine;
    this.symbols = symbols;
    this.#deaths = deaths;
    const encoder = new TextEncoder();
    for (const symbol of symbols) {
      const bytes = encoder.encode(symbol);
      engine.symbols.register(bytes, 0, bytes.length);
    }
  }

  /** An engine with `count` symbols, ids from 0. */
  static async start(count: number): Promise<EngineRig> {
    const deaths: Error[] = [];
    const engine = await Engine.start(
      {
        partitions: 1,
        channelCapacity: 65_536,
        overwrites: true,
        maxSymbols: count,
        ...DEFAULT_RULES,
        windowCapacity: 65_536,
      },
      { workerRestarted: (_, cause) => deaths.push(cause) },
    );
    const symbols = Array.from({ length: count }, (_, i) => `SYM${i}.TEST`);
    return new EngineRig(engine, symbols, deaths);
  }

  /** Gives each symbol a new state and waits for the worker. */
  change(symbolIds: Int32Array): void {
    const { prices, times } = this.#ticks;
    times[0] = (times[0] as number) + 7;
    prices[0] = (prices[0] as number) > 101 ? 100 : (prices[0] as number) + 0.013;
    this.#ticks.receivedUs = monotonicUs();
    for (const symbolId of symbolIds) this.engine.tryOffer(symbolId, this.#ticks, 0);
    this.settle();
  }

  /** Waits until all offered ticks are applied, leaving the processor to the worker. */
  settle(): void {
    this.engine.publishTicks();
    while (this.engine.status(0).queueDepth > 0) Atomics.wait(this.#pause, 0, 0, 0.02);
  }

  get applied(): number {
    return this.engine.status(0).counters.get(Counter.APPLIED);
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    const [death] = this.#deaths;
    if (death !== undefined) throw death;
  }
}
