import type { RemoteEngine } from '../engine/index.ts';

/** Interval of looks, ms: longer than a tick is on its way to its row. */
const LOOK_MS = 30_000;

/**
 * Frees symbols of an edge that have no row at two looks: their owner refused a tick, or what a
 * life raised came after its end.
 */
export class RowlessSymbols {
  readonly #engine: RemoteEngine;
  readonly #isInStep: () => boolean;
  /** Wire ids of those of the look before, by symbol id. */
  #before = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param isInStep whether the rows of all shards are here */
  constructor(engine: RemoteEngine, isInStep: () => boolean) {
    this.#engine = engine;
    this.#isInStep = isInStep;
  }

  start(lookMs = LOOK_MS): void {
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { statistics, symbols } = this.#engine;
    const found = new Map<number, number>();
    const isInStep = this.#isInStep();
    for (let symbolId = 0; symbolId < symbols.names.length; symbolId++) {
      if (symbols.names[symbolId] === undefined || statistics.hasTicks(symbolId)) continue;
      if (symbols.isRetiring(symbolId)) continue;
      const wireId = symbols.wireId(symbolId);
      if (!isInStep || this.#before.get(symbolId) !== wireId) found.set(symbolId, wireId);
      else this.#engine.endLife(symbolId, 'missing');
    }
    this.#before = found;
  }
}
