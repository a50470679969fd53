import type { Alert, Anomaly, RaisedRecord } from '../protocol/index.ts';
import type { PartitionStatus } from './engine-options.ts';
import type { AlertSink } from './memory/alert-ring.ts';
import type { AnomalySink } from './memory/anomaly-ring.ts';
import { Counter, Counters, createCounters } from './memory/counters.ts';
import { createDirtySet, DirtySet } from './memory/dirty-set.ts';
import { ROW_VALUES, RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from './memory/symbol-records.ts';
import { MirroredRules } from './mirrored-rules.ts';
import { RuleTable } from './rule-table.ts';
import type { ServedEngine } from './served-engine.ts';
import { SymbolTable } from './symbol-table.ts';

/** Values of a mirrored row: those of `RowValue`, then the number of anomalies. */
export const MIRRORED_VALUES = ROW_VALUES + 1;
/** Records need a ring of prices; nothing is averaged here. */
const NO_WINDOW = 1;
/** Records taken are removed from their queue in strides. */
const STRIDE = 1024;

const encoder = new TextEncoder();

/**
 * The state of engines in other processes, as the gateway of this one reads it: rows and anomalies
 * come in from outside. Ticks are not offered here; they go through a log. One thread only.
 */
export class RemoteEngine implements ServedEngine {
  readonly symbols: SymbolTable;
  readonly statistics: StatisticsTable;
  readonly dirty: DirtySet;
  readonly ruleTable = new RuleTable();
  readonly partitions = 1;
  readonly offered = 0;
  readonly isUnmarked = false;
  readonly isClockWanted = false;
  readonly canAdvanceClock = false;
  readonly canChangeRules = false;
  readonly channelCapacity: number;
  /** Called with a symbol that others published first. */
  onSymbol: (symbolId: number, name: string) => void = () => undefined;
  readonly mirroredRules = new MirroredRules(this.ruleTable);
  /** Symbols that did not fit. */
  unmirrored = 0;
  readonly #counters = new Counters(createCounters());
  readonly #one = new Int32Array(1);
  #onNews: (() => void) | undefined;
  readonly #anomalies: MirroredRecords<Anomaly>;
  readonly #alerts: MirroredRecords<Alert>;

  constructor(maxSymbols: number, channelCapacity: number) {
    const records = new SymbolRecords(createSymbolRecords(maxSymbols, NO_WINDOW), NO_WINDOW);
    this.symbols = new SymbolTable(maxSymbols, 1);
    this.statistics = new StatisticsTable(records);
    this.dirty = new DirtySet(createDirtySet(maxSymbols), maxSymbols);
    this.channelCapacity = channelCapacity;
    this.#anomalies = new MirroredRecords(maxSymbols);
    this.#alerts = new MirroredRecords(maxSymbols);
  }

  /** Undefined: the cluster has had no rules. */
  get rules(): MirroredRules | undefined {
    return this.mirroredRules.text === '' ? undefined : this.mirroredRules;
  }

  /**
   * Takes a row of a symbol. One that counts no more ticks than the row held is older, or the same,
   * and ignored.
   *
   * @param name UTF-8 from `start` to `end`
   * @param row {@link MIRRORED_VALUES} doubles
   * @returns ticks that it has more than before; 0 if it was ignored
   */
  mirrorRow(name: Uint8Array, start: number, end: number, row: Float64Array): number {
    const symbolId = this.#idOf(name, start, end);
    if (symbolId < 0) return 0;
    const more = (row[RowValue.COUNT] as number) - this.statistics.value(symbolId, RowValue.COUNT);
    if (!(more > 0)) return 0;
    this.statistics.write(symbolId, row);
    this.#countAnomalies(symbolId);
    this.#counters.add(Counter.APPLIED, more);
    this.#one[0] = symbolId;
    this.dirty.markAll(this.#one, 0, 1);
    this.#ring();
    return more;
  }

  /** Takes an anomaly, a symbol's in their order; one that it knows is ignored. */
  mirrorAnomaly(anomaly: Anomaly): void {
    const symbolId = this.#add(this.#anomalies, anomaly);
    if (symbolId < 0) return;
    this.#countAnomalies(symbolId);
    this.#counters.add(anomaly.direction === 1 ? Counter.UP : Counter.DOWN, 1);
  }

  /** The same for an alert. */
  mirrorAlert(alert: Alert): void {
    if (this.#add(this.#alerts, alert) >= 0) this.mirroredRules.count(alert);
  }

  /** Returns the id of its symbol; negative if it is not taken. */
  #add<T extends RaisedRecord>(records: MirroredRecords<T>, record: T): number {
    const name = encoder.encode(record.symbol);
    const symbolId = this.#idOf(name, 0, name.length);
    if (symbolId < 0 || !records.add(record, symbolId)) return -1;
    this.#ring();
    return symbolId;
  }

  /** A tick that waited may raise one behind the symbol's newest row. */
  #countAnomalies(symbolId: number): void {
    const newest = this.#anomalies.newest(symbolId);
    if (newest <= this.statistics.anomalies(symbolId)) return;
    this.statistics.continueAnomalies(symbolId, newest);
  }

  #idOf(name: Uint8Array, start: number, end: number): number {
    const known = this.symbols.find(name, start, end);
    if (known >= 0) return known;
    if (this.symbols.isFull()) {
      this.unmirrored++;
      return -1;
    }
    const symbolId = this.symbols.register(name, start, end);
    this.onSymbol(symbolId, this.symbols.name(symbolId));
    return symbolId;
  }

  #ring(): void {
    const onNews = this.#onNews;
    this.#onNews = undefined;
    onNews?.();
  }

  armDoorbell(onNews: () => void): boolean {
    this.#onNews = onNews;
    return this.hasNews();
  }

  applied(): number {
    return this.#counters.get(Counter.APPLIED);
  }

  hasNews(): boolean {
    return this.hasAnomalies() || this.hasAlerts() || !this.dirty.isEmpty();
  }

  isBusy(): boolean {
    return this.hasNews();
  }

  hasAnomalies(): boolean {
    return this.#anomalies.hasMore;
  }

  hasAlerts(): boolean {
    return this.#alerts.hasMore;
  }

  drainAnomalies(sink: AnomalySink, limit = Number.POSITIVE_INFINITY): number {
    return this.#anomalies.drain(sink, limit);
  }

  drainAlerts(sink: AlertSink, limit = Number.POSITIVE_INFINITY): number {
    return this.#alerts.drain(sink, limit);
  }

  raisedEnds(): readonly number[] {
    return [];
  }

  hasDrained(): boolean {
    return !this.hasAnomalies() && !this.hasAlerts();
  }

  freeSlots(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  /** Ticks go through the log, which precedes the engines. */
  tryOffer(): boolean {
    throw new Error('ticks of a cluster go through its log');
  }

  /** Nothing is retired by an edge. */
  async retire(retirees: readonly unknown[]): Promise<readonly boolean[]> {
    return retirees.map(() => false);
  }

  forget(): boolean {
    return false;
  }

  continueAnomalies(): void {}
  continueAlerts(): void {}
  lastAlert(symbolId: number): number {
    return this.#alerts.newest(symbolId);
  }

  status(): PartitionStatus {
    const idle = { queueDepth: 0, restarts: 0, quarantined: 0, windowBytes: 0 };
    return { counters: this.#counters, ...idle };
  }

  // What an engine in this process is told; here its owners are, through the log.
  advanceClock(): void {}
  changeRules(): void {}
  applyTicks(): void {}
  publishTicks(): void {}
  mark(): void {}
  publishMarked(): void {}
  async stop(): Promise<void> {}
}

/** Anomalies or alerts on their way to the gateway, each once. */
class MirroredRecords<T extends RaisedRecord> {
  readonly #records: { readonly record: T; readonly symbolId: number }[] = [];
  #drained = 0;
  /** Sequence of the newest one by symbol id; 0 if none. */
  readonly #newest: Float64Array;

  constructor(maxSymbols: number) {
    this.#newest = new Float64Array(maxSymbols);
  }

  get hasMore(): boolean {
    return this.#drained < this.#records.length;
  }

  newest(symbolId: number): number {
    return this.#newest[symbolId] as number;
  }

  /** Returns whether it is newer than those of its symbol before. */
  add(record: T, symbolId: number): boolean {
    if (record.sequence <= this.newest(symbolId)) return false;
    this.#newest[symbolId] = record.sequence;
    this.#records.push({ record, symbolId });
    return true;
  }

  drain(sink: (record: T, symbolId: number) => void, limit: number): number {
    const end = Math.min(this.#records.length, this.#drained + limit);
    const count = end - this.#drained;
    while (this.#drained < end) {
      const next = this.#records[this.#drained++];
      if (next !== undefined) sink(next.record, next.symbolId);
    }
    if (this.#drained === this.#records.length || this.#drained >= STRIDE) {
      this.#records.splice(0, this.#drained);
      this.#drained = 0;
    }
    return count;
  }
}
