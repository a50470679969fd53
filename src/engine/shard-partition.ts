import type { Anomaly, Direction } from '../protocol/index.ts';
import { readCapture } from './captures.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { createEngineMemory, type PartitionMemory } from './memory/engine-memory.ts';
import { ROW_VALUES, StatisticsTable } from './memory/statistics-table.ts';
import { createSymbolNames } from './memory/symbol-names.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { TickColumns } from './memory/tick-ring.ts';
import { Partition } from './partition.ts';
import { restoreSymbols } from './restore-symbols.ts';
import type { Rules } from './rules.ts';
import type { SymbolState } from './symbol-state.ts';
import { SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';

export interface ShardPartitionOptions {
  /** Symbols at most. */
  readonly symbols: number;
  readonly rules: Rules;
  /** Address space for sliding windows that outgrow their record, bytes. */
  readonly growBytes: number;
  /** Where it goes on from. */
  readonly states: Iterable<SymbolState>;
  /** Called with each anomaly, in their order. */
  readonly onAnomaly: (anomaly: Anomaly) => void;
}

/** Takes a row: name, then the values of `RowValue` and the number of anomalies. */
export type RowSink = (name: string, row: Float64Array) => void;

const TAKEN_MAX = 4096;

/**
 * The state machine of one shard, on this thread, without queue or worker. A function of the ticks
 * it is given: it reads no clock. Its memory is its own, so what other shards hold does not matter.
 */
export class ShardPartition {
  readonly #partition: Partition;
  readonly #symbols: SymbolTable;
  readonly #table: StatisticsTable;
  readonly #dirty: DirtySet;
  readonly #counters: Counters;
  readonly #memory: PartitionMemory;
  readonly #names: SharedArrayBuffer;
  readonly #window: number;
  readonly #tick = new TickColumns(1);
  readonly #row = new Float64Array(ROW_VALUES + 1);
  readonly #taken = new Int32Array(TAKEN_MAX);
  readonly #restoredTicks: number;

  /**
   * @throws RangeError if there are more states than symbols; Error if a state is impossible
   */
  constructor({ symbols, rules, growBytes, states, onAnomaly }: ShardPartitionOptions) {
    const { movingAverageWindow } = rules;
    const [memory] = createEngineMemory({
      partitions: 1,
      symbols,
      channelCapacity: 2,
      movingAverageWindow,
      growBytes,
      anomalyRingCapacity: 2,
    }) as [PartitionMemory];
    this.#memory = memory;
    this.#window = movingAverageWindow;
    this.#names = createSymbolNames(symbols);
    this.#symbols = new SymbolTable(symbols, 1, this.#names);
    this.#table = new StatisticsTable(new SymbolRecords(memory.records, movingAverageWindow));
    this.#dirty = new DirtySet(memory.dirty, symbols);
    this.#counters = new Counters(memory.counters);
    const restored = { memory: [memory], captures: [], rules };
    const [hasShortRings] = restoreSymbols(states, this.#symbols, restored);
    this.#restoredTicks = this.#countTicks();
    const append = (
      symbolId: number,
      sequence: number,
      direction: number,
      reference: number,
      price: number,
      changePercent: number,
      time: number,
    ) => {
      const symbol = this.#symbols.name(symbolId);
      const way = direction as Direction;
      onAnomaly({ symbol, sequence, direction: way, reference, price, changePercent, time });
    };
    this.#partition = new Partition(memory, rules, this.#counters, { append }, hasShortRings);
  }

  /** Symbols that have ticks. */
  get symbols(): number {
    return this.#symbols.size;
  }

  /** Ticks applied, those before a restored state included. */
  get applied(): number {
    return this.#restoredTicks + this.#counters.get(Counter.APPLIED);
  }

  /** Id of a symbol, registered if new; negative if there are too many. */
  symbolId(name: Uint8Array): number {
    const known = this.#symbols.find(name, 0, name.length);
    if (known >= 0) return known;
    if (this.#symbols.isFull()) return UNKNOWN_SYMBOL;
    return this.#symbols.register(name, 0, name.length);
  }

  /** Applies a valid tick. Times are ms since the epoch. */
  apply(symbolId: number, price: number, time: number, receivedAt: number): void {
    const tick = this.#tick;
    tick.symbolIds[0] = symbolId;
    tick.prices[0] = price;
    tick.times[0] = time;
    tick.receivedAt[0] = receivedAt;
    this.#partition.apply(tick, 0);
    this.#dirty.markAll(tick.symbolIds, 0, 1);
  }

  /** Whether rows changed since they were last taken. */
  get hasChanged(): boolean {
    return !this.#dirty.isEmpty();
  }

  /** Passes on the rows that changed since the last call, some thousand at most. */
  takeChanged(sink: RowSink): void {
    const count = this.#dirty.take(this.#taken);
    for (let i = 0; i < count; i++) this.#pass(this.#taken[i] as number, sink);
  }

  /**
   * Passes on the rows of symbols with ids from `from` on, while `sink` returns true. Returns the
   * id of the first symbol left; 0: none is.
   */
  rowsFrom(from: number, sink: (...row: Parameters<RowSink>) => boolean): number {
    for (let symbolId = from; symbolId < this.#symbols.size; symbolId++) {
      let isMore = true;
      this.#pass(symbolId, (name, row) => {
        isMore = sink(name, row);
      });
      if (!isMore) return symbolId + 1 < this.#symbols.size ? symbolId + 1 : 0;
    }
    return 0;
  }

  /** The states of all symbols, in chunks of some ten kB for `decodeSymbolStates`. */
  states(): Iterable<Uint8Array> {
    const { records, places } = this.#memory;
    return readCapture({
      number: 0,
      symbols: this.#symbols.size,
      movingAverageWindow: this.#window,
      names: this.#names,
      records,
      places: [places],
      sinceBase: [],
      retired: [],
      reports: [],
    });
  }

  #pass(symbolId: number, sink: RowSink): void {
    if (!this.#table.hasTicks(symbolId)) return;
    this.#table.load(symbolId, this.#row);
    sink(this.#symbols.name(symbolId), this.#row);
  }

  #countTicks(): number {
    let ticks = 0;
    for (let symbolId = 0; symbolId < this.#symbols.size; symbolId++) {
      if (!this.#table.hasTicks(symbolId)) continue;
      this.#table.load(symbolId, this.#row);
      ticks += this.#row[2] as number;
    }
    return ticks;
  }
}
