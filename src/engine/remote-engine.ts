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
import type { RecordNumbers } from './symbol-lives.ts';
import { SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';

/** Values of a mirrored row: those of `RowValue`, then the number of anomalies. */
export const MIRRORED_VALUES = ROW_VALUES + 1;
/** Records need a ring of prices; nothing is averaged here. */
const NO_WINDOW = 1;
/** Records taken are removed from their queue in strides. */
const STRIDE = 1024;
/** Longest wait for what a symbol raised before it was retired, ms. */
const RECORDS_MS = 2000;

const encoder = new TextEncoder();

/** Why a symbol is gone; `missing`: its owner has it no more, and how it went was not heard. */
export type EndCause = 'idle' | 'operator' | 'missing';

/** A life that is over, and waits for its last records. */
interface Ending extends RecordNumbers {
  readonly cause: EndCause;
  readonly timer: NodeJS.Timeout;
}

/**
 * The state of engines in other processes, as the gateway of this one reads it: rows and anomalies
 * come in from outside. Ticks are not offered here; they go through a log. One thread only.
 *
 * Where a symbol was retired elsewhere, {@link endLife} begins what `SymbolRetirement` finishes.
 * The symbol is being retired from then on; rows of its next life may come meanwhile.
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
  /** Called with a symbol that is being retired from now on. */
  onLifeEnded: (symbolId: number, cause: EndCause) => void = () => undefined;
  /**
   * Whether records are those of the past: of a symbol that is not here they are history, and make
   * none. Later ones may precede the first row of a symbol.
   */
  isReadingPast = false;
  readonly mirroredRules = new MirroredRules(this.ruleTable);
  /** Symbols that did not fit. */
  unmirrored = 0;
  readonly #counters = new Counters(createCounters());
  readonly #one = new Int32Array(1);
  readonly #noRow = new Float64Array(MIRRORED_VALUES);
  /** By symbol id. */
  readonly #ending = new Map<number, Ending>();
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
   * Takes a row of a symbol's present life. One that counts no more ticks than the row held is
   * older, or the same, and ignored.
   *
   * @param row {@link MIRRORED_VALUES} doubles
   * @returns ticks that it has more than before; 0 if it was ignored
   */
  mirrorRow(symbolId: number, row: Float64Array): number {
    this.#beginLife(symbolId);
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

  /** A symbol that was retired, and goes on, is in its next life. */
  #beginLife(symbolId: number): void {
    const ending = this.#ending.get(symbolId);
    if (ending !== undefined) this.#retire(symbolId, ending.cause);
    if (this.symbols.tickId(symbolId) < 0) this.symbols.tryRevive(symbolId);
  }

  /**
   * The present life of a symbol is over.
   *
   * @param numbers of the records that it raised, which sessions get before; undefined: not known
   */
  endLife(symbolId: number, cause: EndCause, numbers?: RecordNumbers): void {
    if (numbers === undefined || this.#hasRecords(symbolId, numbers)) {
      this.#retire(symbolId, cause);
      return;
    }
    const timer = setTimeout(() => this.#retire(symbolId, cause), RECORDS_MS).unref();
    this.#ending.set(symbolId, { ...numbers, cause, timer });
  }

  #hasRecords(symbolId: number, { alerts, anomalies }: RecordNumbers): boolean {
    const hasAnomalies = this.#anomalies.newest(symbolId) >= anomalies;
    return hasAnomalies && this.#alerts.newest(symbolId) >= alerts;
  }

  #retire(symbolId: number, cause: EndCause): void {
    clearTimeout(this.#ending.get(symbolId)?.timer);
    this.#ending.delete(symbolId);
    // A next life that ended as well: nobody has seen it.
    const wasRetiring = this.symbols.isRetiring(symbolId);
    this.symbols.beginRetiring(symbolId);
    this.statistics.write(symbolId, this.#noRow);
    if (!wasRetiring) this.onLifeEnded(symbolId, cause);
  }

  /** Takes an anomaly, a symbol's in their order; one that it knows is ignored. */
  mirrorAnomaly(anomaly: Anomaly): void {
    if (!this.#add(this.#anomalies, anomaly)) return;
    this.#counters.add(anomaly.direction === 1 ? Counter.UP : Counter.DOWN, 1);
  }

  /** The same for an alert. */
  mirrorAlert(alert: Alert): void {
    if (this.#add(this.#alerts, alert)) this.mirroredRules.count(alert);
  }

  #add<T extends RaisedRecord>(records: MirroredRecords<T>, record: T): boolean {
    const name = encoder.encode(record.symbol);
    const known = this.symbols.find(name, 0, name.length);
    const isHistory = known < 0 && this.isReadingPast;
    const symbolId = isHistory ? UNKNOWN_SYMBOL : this.symbolId(name, 0, name.length);
    if ((symbolId < 0 && !isHistory) || !records.add(record, symbolId)) return false;
    this.#ring();
    if (isHistory) return true;
    this.#countAnomalies(symbolId);
    const ending = this.#ending.get(symbolId);
    if (ending && this.#hasRecords(symbolId, ending)) this.#retire(symbolId, ending.cause);
    return true;
  }

  /** A tick that waited may raise one behind the symbol's newest row. */
  #countAnomalies(symbolId: number): void {
    const newest = this.#anomalies.newest(symbolId);
    if (newest <= this.statistics.anomalies(symbolId)) return;
    this.statistics.continueAnomalies(symbolId, newest);
  }

  /** The id of a symbol, registered if new; negative if it does not fit. Name in UTF-8. */
  symbolId(name: Uint8Array, start: number, end: number): number {
    const known = this.symbols.find(name, start, end);
    if (known >= 0) return known;
    if (this.symbols.isFull()) {
      this.unmirrored++;
      return -1;
    }
    const symbolId = this.symbols.register(name, start, end);
    const symbol = this.symbols.name(symbolId);
    this.#anomalies.appeared(symbolId, symbol);
    this.#alerts.appeared(symbolId, symbol);
    this.onSymbol(symbolId, symbol);
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
    return this.#anomalies.drain(this.symbols, sink, limit);
  }

  drainAlerts(sink: AlertSink, limit = Number.POSITIVE_INFINITY): number {
    return this.#alerts.drain(this.symbols, sink, limit);
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

  /** Finds those whose lives are over: they were ended by their owners. */
  async retire(retirees: readonly { readonly symbolId: number }[]): Promise<readonly boolean[]> {
    return retirees.map(({ symbolId }) => this.symbols.isRetiring(symbolId));
  }

  /** See `Engine.forget`. */
  forget(symbolId: number): boolean {
    if (!this.symbols.endRetiring(symbolId)) return false;
    this.#anomalies.forget(symbolId);
    this.#alerts.forget(symbolId);
    this.statistics.continueAnomalies(symbolId, 0);
    return true;
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
  /** The same by name, of symbols that are not here. */
  readonly #past = new Map<string, number>();

  constructor(maxSymbols: number) {
    this.#newest = new Float64Array(maxSymbols);
  }

  get hasMore(): boolean {
    return this.#drained < this.#records.length;
  }

  newest(symbolId: number): number {
    return this.#newest[symbolId] as number;
  }

  appeared(symbolId: number, symbol: string): void {
    this.#newest[symbolId] = this.#past.get(symbol) ?? 0;
    this.#past.delete(symbol);
  }

  forget(symbolId: number): void {
    this.#newest[symbolId] = 0;
  }

  /**
   * Returns whether it is newer than those of its symbol before.
   *
   * @param symbolId negative: the symbol is not here
   */
  add(record: T, symbolId: number): boolean {
    const { sequence, symbol } = record;
    const newest = symbolId < 0 ? (this.#past.get(symbol) ?? 0) : this.newest(symbolId);
    if (sequence <= newest) return false;
    if (symbolId < 0) this.#past.set(symbol, sequence);
    else this.#newest[symbolId] = sequence;
    this.#records.push({ record, symbolId });
    return true;
  }

  /** Passes on records with the ids that their symbols have now. */
  drain(symbols: SymbolTable, sink: (record: T, symbolId: number) => void, limit: number): number {
    const end = Math.min(this.#records.length, this.#drained + limit);
    const count = end - this.#drained;
    while (this.#drained < end) {
      const next = this.#records[this.#drained++];
      if (next === undefined) continue;
      const { record, symbolId } = next;
      const isSame = symbols.names[symbolId] === record.symbol;
      sink(record, isSame ? symbolId : symbols.findName(record.symbol));
    }
    if (this.#drained === this.#records.length || this.#drained >= STRIDE) {
      this.#records.splice(0, this.#drained);
      this.#drained = 0;
    }
    return count;
  }
}
