import type { Alert, Anomaly, Direction, RuleKind } from '../protocol/index.ts';
import {
  HEAD_DOUBLES,
  Head,
  NO_RULES,
  type PriceWindow,
  parseRuleFile,
  RuleCount,
  RuleCounters,
} from '../rules/index.ts';
import { float64s } from '../threads/shared-memory.ts';
import { readCapture } from './captures.ts';
import { reorderTicksOf } from './engine-options.ts';
import type { LocalSettings } from './local-partition.ts';
import { AlertConsumer, AlertProducer } from './memory/alert-ring.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import {
  createEngineMemory,
  type PartitionMemory,
  type PartitionRuleMemory,
} from './memory/engine-memory.ts';
import { bytesForPlaces, PLACE_BYTES } from './memory/place-arena.ts';
import { writeRuleText } from './memory/rule-texts.ts';
import { ROW_VALUES, RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { createSymbolNames } from './memory/symbol-names.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { TickColumns } from './memory/tick-ring.ts';
import { Partition } from './partition.ts';
import { PartitionRules } from './partition-rules.ts';
import { RAISED_FIRST, RAISED_SECOND, RaisedTogether } from './raised-together.ts';
import { restoreSymbols } from './restore-symbols.ts';
import { RuleTable } from './rule-table.ts';
import { type RecordNumbers, type SavedLives, SymbolLives } from './symbol-lives.ts';
import type { SymbolState } from './symbol-state.ts';
import { SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';

export interface ShardPartitionOptions {
  /** Symbols at most. */
  readonly symbols: number;
  readonly rules: LocalSettings;
  /** What sliding windows may hold beyond their records, bytes: 16 a place. */
  readonly growBytes: number;
  /** Where it goes on from. */
  readonly states: Iterable<SymbolState>;
  /** Belongs to the states; undefined: nothing was ever retired. */
  readonly lives?: SavedLives | undefined;
  /** The rule file in force there; undefined: none. */
  readonly ruleText?: string | undefined;
  /** Called with each anomaly, in their order. */
  readonly onAnomaly: (anomaly: Anomaly) => void;
  /** Called with each alert, in their order; a tick's behind its anomalies. */
  readonly onAlert: (alert: Alert) => void;
  /** Called when the rules of a symbol are first looked up and some cannot apply. */
  readonly onRuleFaults?: ((name: string, faults: readonly string[]) => void) | undefined;
}

/** A life to end. */
export interface Retirement {
  readonly symbol: string;
  /** Where it began; see {@link SymbolLives}. Another life stays. */
  readonly since: number;
  /** A symbol with another number of ticks stays; -1: any. */
  readonly count: number;
}

/**
 * Takes a row: name; the values of `RowValue` and the number of anomalies; where its life began.
 */
export type RowSink = (name: string, row: Float64Array, since: number) => void;

const TAKEN_MAX = 4096;
/** Alerts between two looks at them: more than a symbol gets at a time. */
const ALERTS = 64;

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
  readonly #reorderTicks: number | undefined;
  readonly #tick = new TickColumns(1);
  readonly #row = new Float64Array(ROW_VALUES + 1);
  readonly #taken = new Int32Array(TAKEN_MAX);
  /** Ticks of restored states, less those of ended lives. */
  #otherTicks: number;
  readonly #lives: SymbolLives;
  readonly #heads: Float64Array;
  readonly #raised = new RaisedTogether();
  readonly #ruleMemory: PartitionRuleMemory;
  readonly #ruleTable = new RuleTable();
  readonly #ruleCounts: RuleCounters;
  readonly #alerts: AlertConsumer;
  readonly #onAlert: (alert: Alert) => void;
  #ruleText: string;
  #ruleVersion = 0;

  /**
   * @throws RangeError if there are more states than symbols; Error if a state is impossible
   */
  constructor(options: ShardPartitionOptions) {
    const { growBytes, lives, onAlert, onAnomaly, onRuleFaults, rules, states, symbols } = options;
    const { movingAverageWindow } = rules;
    const placesMax = Math.max(1, Math.floor(growBytes / PLACE_BYTES));
    this.#names = createSymbolNames(symbols);
    this.#reorderTicks = reorderTicksOf(rules);
    const [memory] = createEngineMemory({
      partitions: 1,
      symbols,
      channelCapacity: 2,
      movingAverageWindow,
      growBytes: bytesForPlaces(placesMax),
      placesMax,
      anomalyRingCapacity: ALERTS,
      alerts: true,
      ruledNames: this.#names,
      reorderTicks: this.#reorderTicks,
    }) as [PartitionMemory];
    this.#memory = memory;
    this.#window = movingAverageWindow;
    if (memory.rules === undefined || memory.alerts === undefined) {
      throw new Error('a shard has memory for rules');
    }
    const ruleMemory = memory.rules;
    this.#ruleMemory = ruleMemory;
    this.#ruleCounts = new RuleCounters(ruleMemory.counts);
    this.#heads = float64s(ruleMemory.heads);
    this.#onAlert = (alert) => this.#raised.take(RAISED_SECOND, alert, onAlert);
    this.#ruleText = options.ruleText ?? NO_RULES;
    this.#writeRules();
    this.#symbols = new SymbolTable(symbols, 1, this.#names);
    this.#table = new StatisticsTable(new SymbolRecords(memory.records, movingAverageWindow));
    this.#dirty = new DirtySet(memory.dirty, symbols);
    this.#counters = new Counters(memory.counters);
    const restored = { memory: [memory], captures: [], rules, ruleText: this.#ruleText };
    this.#lives = new SymbolLives(symbols, lives);
    const living = this.#lives.living(states);
    const [hasShortRings] = restoreSymbols(living, this.#symbols, restored);
    for (const [id, name] of this.#symbols.names.entries())
      this.#lives.restored(id, name as string);
    this.#otherTicks = this.#countTicks();
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
      const anomaly = { symbol, sequence, direction: way, reference, price, changePercent, time };
      this.#raised.take(RAISED_FIRST, anomaly, onAnomaly);
    };
    this.#alerts = new AlertConsumer(memory.alerts, this.#symbols, this.#ruleTable);
    const alerts = new AlertProducer(memory.alerts);
    const judge = (window: PriceWindow) => {
      // Code in files of one machine is no part of a log.
      const ruled = new PartitionRules(ruleMemory, window, alerts, new Map());
      ruled.onSpaceNeeded = () => this.#drainAlerts();
      ruled.onFaults = (id, faults) => onRuleFaults?.(this.#symbols.name(id), faults);
      ruled.recount();
      return ruled;
    };
    const counters = this.#counters;
    const output = { append };
    this.#partition = new Partition(
      memory,
      rules,
      counters,
      output,
      hasShortRings,
      undefined,
      judge,
    );
    this.#partition.makeSpace = () => this.#drainAlerts();
  }

  /** Symbols that have ticks. */
  get symbols(): number {
    return this.#symbols.size;
  }

  /** What an idle sweep looks at. */
  get served(): { readonly symbols: SymbolTable; readonly statistics: StatisticsTable } {
    return { symbols: this.#symbols, statistics: this.#table };
  }

  /** Where the life of a symbol began. */
  since(symbolId: number): number {
    return this.#lives.since(symbolId);
  }

  /** For a snapshot, with {@link states}. */
  get lives(): SavedLives {
    return this.#lives.saved(this.#symbols.names);
  }

  /** Ticks of the symbols that there are, those before a restored state included. */
  get applied(): number {
    return this.#otherTicks + this.#counters.get(Counter.APPLIED);
  }

  /**
   * Id of a symbol, registered if new; negative if there are too many. A tick of it has to follow.
   *
   * @param position where its life begins, if it is new
   */
  symbolId(name: Uint8Array, position: number): number {
    const known = this.#symbols.find(name, 0, name.length);
    if (known >= 0) return known;
    if (this.#symbols.isFull()) return UNKNOWN_SYMBOL;
    const symbolId = this.#symbols.register(name, 0, name.length);
    const numbers = this.#lives.begin(symbolId, this.#symbols.name(symbolId), position);
    if (numbers !== undefined) this.#continueAfter(symbolId, numbers);
    return symbolId;
  }

  #continueAfter(symbolId: number, { anomalies, alerts }: RecordNumbers): void {
    this.#table.continueAnomalies(symbolId, anomalies);
    this.#heads[symbolId * HEAD_DOUBLES + Head.SEQUENCE] = alerts;
  }

  /**
   * Ends a life, unless the symbol is in another one or has had more ticks.
   *
   * @returns the numbers that it ended with; undefined if it stays
   */
  retire({ symbol, since, count }: Retirement): RecordNumbers | undefined {
    const symbols = this.#symbols;
    const symbolId = symbols.findName(symbol);
    if (symbolId < 0 || this.since(symbolId) !== since) return undefined;
    const ticks = this.#table.value(symbolId, RowValue.COUNT);
    if (count >= 0 && ticks !== count) return undefined;
    this.#partition.retire(symbolId);
    this.#drainAlerts();
    const alerts = this.#heads[symbolId * HEAD_DOUBLES + Head.SEQUENCE] as number;
    const numbers = { anomalies: this.#table.anomalies(symbolId), alerts };
    this.#otherTicks -= ticks;
    this.#lives.end(symbol, numbers);
    symbols.beginRetiring(symbolId);
    symbols.endRetiring(symbolId);
    this.#continueAfter(symbolId, { anomalies: 0, alerts: 0 });
    return numbers;
  }

  /** Applies a valid tick. Times are ms since the epoch. */
  apply(symbolId: number, price: number, time: number, receivedAt: number): void {
    const tick = this.#tick;
    tick.symbolIds[0] = symbolId;
    tick.prices[0] = price;
    tick.times[0] = time;
    tick.receivedAt[0] = receivedAt;
    this.#partition.apply(tick, 0);
    this.#drainAlerts();
    this.#dirty.markAll(tick.symbolIds, 0, 1);
  }

  /** Places that full windows dropped, since this object was made. */
  get truncated(): number {
    return this.#counters.get(Counter.TRUNCATED);
  }

  /** Whether {@link advanceClock} may change anything now. */
  get needsClock(): boolean {
    return this.#partition.needsClock;
  }

  /** Takes a reading of a clock, ms since the epoch: ends what ends by time. */
  advanceClock(now: number): void {
    this.#raised.hold(() => {
      this.#partition.advanceClock(now);
      this.#drainAlerts();
    });
  }

  /** The rule file in force. */
  get ruleText(): string {
    return this.#ruleText;
  }

  /**
   * Changes to another rule file, which is valid.
   *
   * @param now becomes the time of episodes that end thereby, ms since the epoch
   */
  adoptRules(text: string, now: number): void {
    this.#ruleText = text;
    this.#ruleVersion++;
    this.#writeRules();
    this.#raised.hold(() => {
      this.#partition.adoptRules(this.#ruleVersion, now);
      this.#drainAlerts();
    });
  }

  /** Alerts of a rule that a cool-down covered, since this object was made. */
  suppressed(name: string, kind: RuleKind): number {
    return this.#ruleCounts.get(this.#ruleTable.id(name, kind), RuleCount.SUPPRESSED);
  }

  #writeRules(): void {
    const text = this.#ruleText;
    const { file } = parseRuleFile(text);
    if (file === undefined) throw new Error('the rules of a shard are no rule file');
    const ids = file.rules.map(({ name, kind }) => this.#ruleTable.id(name, kind));
    writeRuleText(this.#ruleMemory.texts, this.#ruleVersion, { text, ids });
  }

  #drainAlerts(): void {
    this.#alerts.drain(this.#onAlert);
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
    const { length } = this.#symbols.names;
    for (let symbolId = from; symbolId < length; symbolId++) {
      let isMore = true;
      this.#pass(symbolId, (name, row, since) => {
        isMore = sink(name, row, since);
      });
      if (!isMore) return symbolId + 1 < length ? symbolId + 1 : 0;
    }
    return 0;
  }

  /** The states of all symbols, in chunks of some ten kB for `decodeSymbolStates`. */
  states(): Iterable<Uint8Array> {
    const { records, places } = this.#memory;
    return readCapture({
      number: 0,
      symbols: this.#symbols.names.length,
      movingAverageWindow: this.#window,
      reorderTicks: this.#reorderTicks,
      reorder: this.#memory.reorder?.buffers,
      names: this.#names,
      records,
      rules: { memory: this.#ruleMemory, text: this.#ruleText },
      places: [places],
      sinceBase: [],
      retired: [],
      reports: [],
    });
  }

  #pass(symbolId: number, sink: RowSink): void {
    if (!this.#table.hasTicks(symbolId)) return;
    this.#table.load(symbolId, this.#row);
    sink(this.#symbols.name(symbolId), this.#row, this.since(symbolId));
  }

  #countTicks(): number {
    let ticks = 0;
    for (let symbolId = 0; symbolId < this.#symbols.names.length; symbolId++) {
      if (!this.#table.hasTicks(symbolId)) continue;
      this.#table.load(symbolId, this.#row);
      ticks += this.#row[2] as number;
    }
    return ticks;
  }
}
