import { AcceptRule } from '../../src/cluster/accept-rule.ts';
import { isSegments, readEntry } from '../../src/cluster/log-entries.ts';
import { SegmentReader } from '../../src/cluster/segments.ts';
import {
  type ExpectedAnomaly,
  type Statistics,
  SymbolOracle,
} from '../../testkit/independent/statistics.ts';

interface Life {
  /** Position of the message that began it. */
  readonly since: number;
  readonly oracle: SymbolOracle;
}

/** Symbols of a shard's log come and go: its messages read a second time, by the definition. */
export class LoggedLives {
  /** Lives that ended, and decisions that came to nothing. */
  ended = 0;
  kept = 0;
  readonly #accept = new AcceptRule();
  readonly #lives = new Map<string, Life>();
  /** Of all lives of a symbol. */
  readonly #anomalies = new Map<string, ExpectedAnomaly[]>();

  take(message: Uint8Array, position: number): void {
    if (isSegments(message)) {
      this.#takeTicks(message, position);
      return;
    }
    for (const { count, since, symbol } of readEntry(message).retire ?? []) {
      const life = this.#lives.get(symbol);
      const isMeant = life?.since === since && (count < 0 || count === life.oracle.count);
      if (isMeant) this.#lives.delete(symbol);
      if (isMeant) this.ended++;
      else this.kept++;
    }
  }

  get rows(): Map<string, Statistics> {
    return new Map([...this.#lives].map(([symbol, { oracle }]) => [symbol, oracle.statistics]));
  }

  /** The life of a symbol, as a decision about it has it. */
  life(symbol: string): { readonly since: number; readonly count: number } | undefined {
    const life = this.#lives.get(symbol);
    return life && { since: life.since, count: life.oracle.count };
  }

  get anomalies(): ReadonlyMap<string, readonly ExpectedAnomaly[]> {
    return this.#anomalies;
  }

  #takeTicks(message: Uint8Array, position: number): void {
    const reader = new SegmentReader(message);
    const names = reader.symbols.map((name) => new TextDecoder().decode(name));
    for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
      if (this.#accept.take(segment) !== undefined) continue;
      reader.forEachTick((index, price, time) => {
        const symbol = names[index] as string;
        const raised = this.#anomalies.get(symbol) ?? [];
        this.#anomalies.set(symbol, raised);
        let life = this.#lives.get(symbol);
        if (life === undefined) {
          life = { since: position, oracle: new SymbolOracle() };
          life.oracle.lastAnomaly = raised.length;
          this.#lives.set(symbol, life);
        }
        raised.push(...life.oracle.apply(price, time));
      });
    }
  }
}
