import type { SymbolState } from './symbol-state.ts';

/** Numbers of a symbol's newest anomaly and alert; 0: it had none. */
export interface RecordNumbers {
  readonly anomalies: number;
  readonly alerts: number;
}

/** What a snapshot of a shard has besides states, so that retirements mean the same after it. */
export interface SavedLives {
  /** Where the life of each symbol began, if not before the log. */
  readonly since: readonly (readonly [symbol: string, position: number])[];
  /** Retired symbols that go on with their numbers. */
  readonly gone: readonly (readonly [symbol: string, anomalies: number, alerts: number])[];
}

/**
 * The lives of a shard's symbols. A life is known by the position of the message that began it: a
 * decision about one is never applied to the next. Numbers outlive it.
 */
export class SymbolLives {
  /** By symbol id. */
  readonly #since: Float64Array;
  readonly #gone = new Map<string, RecordNumbers>();
  /** Of a snapshot, until the symbols have ids. */
  readonly #saved: Map<string, number>;

  constructor(symbols: number, saved?: SavedLives) {
    this.#since = new Float64Array(symbols);
    this.#saved = new Map(saved?.since);
    for (const [symbol, anomalies, alerts] of saved?.gone ?? []) {
      this.#gone.set(symbol, { anomalies, alerts });
    }
  }

  /** Those of states that have ticks; of the others, the numbers are kept. */
  *living(states: Iterable<SymbolState>): Generator<SymbolState> {
    for (const state of states) {
      if (state.count > 0) yield state;
      else this.#keep(state.symbol, state.anomalies, state.rules?.sequence ?? 0);
    }
  }

  /** A restored symbol has an id. */
  restored(symbolId: number, symbol: string): void {
    this.#since[symbolId] = this.#saved.get(symbol) ?? 0;
    this.#saved.delete(symbol);
  }

  /** A life begins. Returns the numbers that it goes on with; undefined: from 1. */
  begin(symbolId: number, symbol: string, position: number): RecordNumbers | undefined {
    this.#since[symbolId] = position;
    const numbers = this.#gone.get(symbol);
    this.#gone.delete(symbol);
    return numbers;
  }

  /** Where the life of a symbol began; 0: before the log. */
  since(symbolId: number): number {
    return this.#since[symbolId] as number;
  }

  /** A life ends. */
  end(symbol: string, { anomalies, alerts }: RecordNumbers): void {
    this.#keep(symbol, anomalies, alerts);
  }

  /** For a snapshot, of symbols by id; undefined where there is none. */
  saved(names: readonly (string | undefined)[]): SavedLives {
    const since = names.flatMap((name, symbolId) => {
      const position = this.since(symbolId);
      return name === undefined || position === 0 ? [] : [[name, position] as const];
    });
    const gone = [...this.#gone].map(
      ([name, { anomalies, alerts }]) => [name, anomalies, alerts] as const,
    );
    return { since, gone };
  }

  #keep(symbol: string, anomalies: number, alerts: number): void {
    if (anomalies + alerts > 0) this.#gone.set(symbol, { anomalies, alerts });
  }
}
