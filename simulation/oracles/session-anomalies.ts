import { expectThat } from '../core/violation.ts';
import type { EngineOracle } from './engine-oracle.ts';
import type { SessionInterest } from './interest.ts';
import type { SessionMirror } from './session-mirror.ts';

/** Which anomalies of a symbol a session was sent. */
interface Cursor {
  /**
   * The last sequence sent, or the one that the first must follow; as far as that can be known,
   * between two bounds.
   */
  from: number;
  to: number;
}

/** How the server keeps anomalies. */
export interface AnomalyKeeping {
  /** Anomalies of a symbol held in memory. */
  readonly perSymbolMax: number;
  /** Whether an anomaly is sent only once it is on disk. */
  readonly isSync: boolean;
}

/** The anomalies that a session is due, and those that it was sent: every one, in order, once. */
export class SessionAnomalies {
  readonly #engine: EngineOracle;
  readonly #interest: SessionInterest;
  readonly #mirror: SessionMirror;
  readonly #keeping: AnomalyKeeping;
  readonly #cursors = new Map<number, Cursor>();

  constructor(
    engine: EngineOracle,
    interest: SessionInterest,
    mirror: SessionMirror,
    keeping: AnomalyKeeping,
  ) {
    this.#engine = engine;
    this.#interest = interest;
    this.#mirror = mirror;
    this.#keeping = keeping;
  }

  /** What is wanted of a symbol may have changed. */
  update(symbolId: number, isWanted: boolean, since: number | undefined): void {
    const to = this.#engine.drained[symbolId] as number;
    // What is taken and not on disk yet may be told to sessions, or not.
    const from = this.#keeping.isSync ? (this.#engine.drainedFrom[symbolId] as number) : to;
    if (!isWanted) {
      this.#cursors.delete(symbolId);
    } else if (since !== undefined) {
      this.#cursors.set(symbolId, { from: Math.min(since, from), to: Math.min(since, to) });
    } else if (!this.#cursors.has(symbolId)) {
      this.#cursors.set(symbolId, { from, to });
    }
  }

  /** Takes the tuples of an ANOMALY frame. */
  sent(tuples: readonly (readonly number[])[]): void {
    for (const [symbolId, sequence, ...values] of tuples as [number, number, ...number[]][]) {
      const symbol = this.#mirror.symbolOf(symbolId);
      expectThat(
        this.#interest.of(symbol)?.anomalies === true,
        'only subscribed anomalies are sent',
        () => `${symbol} ${sequence}`,
      );
      this.#engine.model(symbolId).checkAnomaly(symbol, sequence, values);
      this.#advance(symbolId, symbol, sequence);
    }
  }

  /** What is missing of a symbol's anomalies, in words; undefined when nothing is. */
  lag(symbolId: number): string | undefined {
    const cursor = this.#cursors.get(symbolId);
    const last = this.#engine.model(symbolId).lastAnomaly;
    if (cursor === undefined || (cursor.from <= last && last <= cursor.to)) return undefined;
    // What came before this process is not in its memory: `HISTORY` has it.
    if (last <= (this.#engine.drainedFrom[symbolId] as number)) return undefined;
    return `${this.#engine.nameOf(symbolId)}: anomalies to ${cursor.to} of ${last} were sent`;
  }

  #advance(symbolId: number, symbol: string, sequence: number): void {
    const cursor = this.#cursors.get(symbolId) ?? { from: 0, to: -1 };
    const follows = sequence > cursor.from && sequence <= cursor.to + 1;
    expectThat(
      follows || this.#isJump(symbolId, cursor.to, sequence),
      'a session gets every anomaly once and in order',
      () => `${symbol}: ${sequence} after ${cursor.from} to ${cursor.to}`,
    );
    this.#cursors.set(symbolId, { from: sequence, to: sequence });
  }

  /** Whether the server no longer holds what is left out. */
  #isJump(symbolId: number, after: number, sequence: number): boolean {
    if (sequence <= after) return false;
    const last = this.#engine.drained[symbolId] as number;
    const start = this.#engine.drainedFrom[symbolId] as number;
    const oldest = last - this.#keeping.perSymbolMax + 1;
    const first = Math.max(start + 1, oldest);
    // Those from before the start come back into memory when a session asks for them, not when
    // another is raised.
    const isRecalled = sequence === Math.max(1, oldest);
    return isRecalled || (this.#keeping.isSync ? sequence <= first : sequence === first);
  }
}
