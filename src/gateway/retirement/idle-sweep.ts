import type { Engine } from '../../engine/index.ts';
import { RowValue } from '../../engine/index.ts';
import type { GatewayLog } from '../context.ts';
import type { SymbolRetirement } from './symbol-retirement.ts';

/** Symbols looked at in one step: about 0.2 ms. */
const SYMBOLS_PER_STEP = 16_384;
/** Passes over all symbols within the idle time, so that none stays much longer. */
const PASSES = 8;
const PASS_MS_MIN = 50;
const PASS_MS_MAX = 60_000;
/** Time that a restored symbol has to get its next tick, whenever its last one was, ms. */
const GRACE_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/**
 * Retires symbols that had no tick for `idleMs`. Passes over all rows again and again, a step at a
 * time, and compares the number of ticks of each with what it was: no tick costs anything.
 *
 * Idle time is counted on the monotonic clock. Of a restored symbol it goes on from the time of its
 * last tick.
 */
export class IdleSweep {
  readonly #idleMs: number;
  readonly #engine: Pick<Engine, 'statistics' | 'symbols'>;
  readonly #retirement: Pick<SymbolRetirement, 'retire'>;
  readonly #log: GatewayLog;
  readonly #clock: () => number;
  /** By symbol id: its life, its ticks when last looked at, and when they had changed. */
  readonly #wireIds: number[] = [];
  readonly #counts: number[] = [];
  readonly #changedAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param clock monotonic, ms */
  constructor(
    idleMs: number,
    context: {
      readonly engine: Pick<Engine, 'statistics' | 'symbols'>;
      readonly retirement: Pick<SymbolRetirement, 'retire'>;
      readonly log: GatewayLog;
    },
    clock: () => number = () => performance.now(),
  ) {
    this.#idleMs = idleMs;
    this.#engine = context.engine;
    this.#retirement = context.retirement;
    this.#log = context.log;
    this.#clock = clock;
  }

  start(): void {
    if (this.#idleMs <= 0) return;
    const now = this.#clock();
    const wall = Date.now();
    const graceMs = Math.min(GRACE_MS, this.#idleMs);
    const { statistics, symbols } = this.#engine;
    for (let symbolId = 0; symbolId < symbols.names.length; symbolId++) {
      const agoMs = wall - statistics.value(symbolId, RowValue.TIME);
      const idleMs = Math.min(Math.max(agoMs, 0), this.#idleMs - graceMs);
      this.#note(symbolId, now - idleMs);
    }
    this.#pause(this.#passMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get #passMs(): number {
    return Math.min(PASS_MS_MAX, Math.max(PASS_MS_MIN, this.#idleMs / PASSES));
  }

  #pause(ms: number, from = 0, asked: readonly Promise<boolean>[] = []): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#step(from, asked), ms).unref();
  }

  #step(from: number, asked: readonly Promise<boolean>[]): void {
    const { length } = this.#engine.symbols.names;
    const to = Math.min(length, from + SYMBOLS_PER_STEP);
    const now = this.#clock();
    const all = [...asked, ...this.#look(from, to, now)];
    if (to < length) this.#pause(1, to, all);
    else void this.#finish(all);
  }

  /** Waits for the pass's symbols: the next pass would find them again. */
  async #finish(asked: readonly Promise<boolean>[]): Promise<void> {
    this.#timer = undefined;
    const retired = (await Promise.all(asked)).filter(Boolean).length;
    if (retired > 0) {
      const { size } = this.#engine.symbols;
      this.#log.info({ retired, symbols: size }, 'retired symbols that had no tick for long');
    }
    this.#pause(this.#passMs);
  }

  #look(from: number, to: number, now: number): Promise<boolean>[] {
    const { statistics, symbols } = this.#engine;
    const asked: Promise<boolean>[] = [];
    for (let symbolId = from; symbolId < to; symbolId++) {
      if (symbols.names[symbolId] === undefined || symbols.isRetiring(symbolId)) continue;
      const count = statistics.value(symbolId, RowValue.COUNT);
      const isKnown = this.#wireIds[symbolId] === symbols.wireId(symbolId);
      if (!isKnown || this.#counts[symbolId] !== count) this.#note(symbolId, now);
      else if (now - (this.#changedAt[symbolId] as number) >= this.#idleMs) {
        asked.push(this.#retirement.retire(symbolId, 'idle', count));
      }
    }
    return asked;
  }

  #note(symbolId: number, changedAt: number): void {
    const { statistics, symbols } = this.#engine;
    this.#wireIds[symbolId] = symbols.wireId(symbolId);
    this.#counts[symbolId] = statistics.value(symbolId, RowValue.COUNT);
    this.#changedAt[symbolId] = changedAt;
  }
}
