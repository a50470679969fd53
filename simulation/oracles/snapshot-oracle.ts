import type { SymbolState as CapturedState } from '../../src/engine/symbol-state.ts';
import { expectThat } from '../core/violation.ts';
import type { ServerOracle } from './server-oracle.ts';
import type { SymbolModel } from './symbol-model.ts';

/** Checks snapshots against the moments at which they were asked for. */
export class SnapshotOracle {
  readonly #server: ServerOracle;
  /** At the moment, by symbol: where its queue stood. Every tick offered before is before that. */
  #positions = new Map<string, number>();
  /** At the moment, by publisher: the last sequence accepted. */
  #sequences = new Map<string, number>();

  constructor(server: ServerOracle) {
    this.#server = server;
  }

  /** A snapshot of now is asked for. */
  asked(): void {
    const { engine, records } = this.#server;
    const { symbols } = engine.engine;
    const offered = (id: number) => engine.queues[symbols.partition(id)]?.offered ?? 0;
    this.#positions = new Map(symbols.names.map((symbol, id) => [symbol ?? '', offered(id)]));
    this.#sequences = new Map([...records].map(([name, { sequence }]) => [name, sequence]));
  }

  /** It is written: checks that it holds what was accepted before its moment, and nothing else. */
  check(
    states: readonly CapturedState[],
    publishers: readonly (readonly [name: string, sequence: number])[],
  ): void {
    const captured = new Map(states.map((state) => [state.symbol, state]));
    for (const [symbol, position] of this.#positions) {
      const model = this.#server.engine.models.get(symbol);
      if (model !== undefined) checkSymbol(symbol, model, captured.get(symbol), position);
    }
    const told = new Map(publishers);
    for (const [name, last] of this.#sequences) {
      const sequence = told.get(name) ?? 0;
      expectThat(
        sequence === last,
        'a snapshot has the sequences of its moment',
        () => `${name}: ${sequence}, accepted was ${last}`,
      );
    }
  }
}

function checkSymbol(
  symbol: string,
  model: SymbolModel,
  state: CapturedState | undefined,
  position: number,
): void {
  const count = state?.count ?? 0;
  const last = count === 0 ? -1 : model.positionOf(count);
  const next = model.positionOf(count + 1);
  expectThat(
    last !== undefined && last < position && (next === undefined || next >= position),
    'a snapshot holds the ticks before its moment and no others',
    () =>
      `${symbol}: ${count} updates; the last was number ${last} of its queue, ` +
      `the next ${next}, the cut is at ${position}`,
  );
  if (state !== undefined && count > 0) model.checkState(symbol, count, state);
}
