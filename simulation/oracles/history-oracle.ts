import { Code, Op, type WireFrame } from '../../testkit/independent/protocol.ts';
import { expectThat } from '../core/violation.ts';
import type { SimulatedDisk } from '../server/simulated-disk.ts';
import type { EngineOracle } from './engine-oracle.ts';

/** How much the server keeps. */
export interface HistoryKeeping {
  /** Anomalies of a symbol in memory. */
  readonly perSymbolMax: number;
  readonly hasStore: boolean;
  /** Whether anomalies are sent only once they are on disk. */
  readonly isSync: boolean;
}

/** What is known of a symbol when its anomalies are asked for. */
interface Known {
  readonly symbolId: number;
  /** The oldest sequence that must be known. */
  readonly from: number;
  readonly last: number;
}

/** Checks the answers to HISTORY: a page is what it was when it was asked for. */
export class HistoryOracle {
  readonly #engine: EngineOracle;
  readonly #disk: SimulatedDisk;
  readonly #keeping: HistoryKeeping;

  constructor(engine: EngineOracle, disk: SimulatedDisk, keeping: HistoryKeeping) {
    this.#engine = engine;
    this.#disk = disk;
    this.#keeping = keeping;
  }

  /** Notes what is known when a HISTORY frame arrives. Returns a check of its answer. */
  expect(frame: WireFrame): (answer: WireFrame) => void {
    const symbol = frame[2] as string;
    const symbolId = this.#engine.engine.symbols.findName(symbol);
    const from = symbolId < 0 ? 1 : this.#first(symbolId, symbol);
    const last = symbolId < 0 ? 0 : (this.#engine.drained[symbolId] as number);
    return (answer) => this.#check(frame, answer, { symbolId, from, last });
  }

  #check(frame: WireFrame, answer: WireFrame, known: Known): void {
    const [, , symbol, after, limit] = frame as [number, number, string, number, number];
    const { from, last, symbolId } = known;
    const what = () => `${symbol} after ${after}: ${JSON.stringify(answer)}`;
    if (answer[0] === Op.ERROR) {
      expectThat(answer[2] === Code.not_available && after + 1 < from, 'HISTORY', what);
      return;
    }
    expectThat(answer[0] === Op.HISTORY_PAGE && answer[2] === symbol, 'HISTORY', what);
    const page = answer[3] as [number, ...number[]][];
    expectThat(page.length <= limit, 'HISTORY', what);
    // More than must be known: what a replay found is on its way to the store.
    const isWhole = page.length === 0 || page[0]?.[0] === after + 1;
    expectThat(after + 1 >= from || isWhole, 'HISTORY', what);
    this.#checkPage(symbolId, symbol, after, page);
    const end = page.at(-1)?.[0] ?? after;
    const isMore = end < last;
    expectThat(
      answer[4] === isMore || this.#keeping.isSync,
      'HISTORY tells whether there is more',
      what,
    );
    expectThat(
      !isMore || page.length > 0 || this.#keeping.isSync || this.#hasHole(symbol),
      'HISTORY',
      what,
    );
  }

  #checkPage(
    symbolId: number,
    symbol: string,
    after: number,
    page: readonly [number, ...number[]][],
  ): void {
    let before = after;
    for (const [sequence, ...values] of page) {
      expectThat(
        sequence === before + 1 || (sequence > before && this.#hasHole(symbol)),
        'HISTORY leaves nothing out',
        () => `${symbol}: ${sequence} after ${before}`,
      );
      this.#engine.model(symbolId).checkAnomaly(symbol, sequence, values);
      before = sequence;
    }
  }

  /** The oldest sequence that must be known. */
  #first(symbolId: number, symbol: string): number {
    const last = this.#engine.drained[symbolId] as number;
    const start = this.#engine.drainedFrom[symbolId] as number;
    const held = Math.max(start + 1, last - this.#keeping.perSymbolMax + 1);
    if (!this.#keeping.hasStore) return held;
    const durable = this.#disk.anomalies.get(symbol)?.[0]?.sequence ?? Number.POSITIVE_INFINITY;
    // What this process took is in the store too, on disk or on its way there.
    return Math.min(held, durable, start + 1);
  }

  /** Whether a crash lost anomalies that a snapshot had counted. */
  #hasHole(symbol: string): boolean {
    const symbolId = this.#engine.engine.symbols.findName(symbol);
    const start = symbolId < 0 ? 0 : (this.#engine.drainedFrom[symbolId] as number);
    const durable = this.#disk.anomalies.get(symbol) ?? [];
    let before = (durable[0]?.sequence ?? start + 1) - 1;
    for (const { sequence } of durable) {
      if (sequence !== before + 1) return true;
      before = sequence;
    }
    return before < start;
  }
}
