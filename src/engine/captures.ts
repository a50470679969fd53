import type { RuleMemory } from '../rules/index.ts';
import { float64s } from '../threads/shared-memory.ts';
import { assertEqual } from './assert.ts';
import {
  type CaptureReport,
  CaptureRequester,
  CaptureResponder,
} from './memory/capture-request.ts';
import { ChangeSet, symbolsInAny } from './memory/change-set.ts';
import { Counter, type Counters, monotonicMs } from './memory/counters.ts';
import { copyArenaPlaces, MAXIMA, MINIMA, readPlaces } from './memory/deque-places.ts';
import type { CaptureMemory, PartitionMemory } from './memory/engine-memory.ts';
import { ReorderBuffers } from './memory/reorder-memory.ts';
import { RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { SymbolNames } from './memory/symbol-names.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import type { TickProducer } from './memory/tick-producer.ts';
import { MovingAverage } from './moving-average.ts';
import { RuleCopies } from './rule-copies.ts';
import { RuleStateReader } from './rule-states.ts';
import type { Rules } from './rules.ts';
import { type AverageState, emptyState, type SymbolState } from './symbol-state.ts';
import { SymbolStateWriter } from './symbol-state-codec.ts';
import { partitionOf, symbolHash } from './symbol-table.ts';

/**
 * The state of all symbols at one moment, in shared memory: plain data that may be posted to any
 * thread and read there with {@link readCapture} until it is released.
 */
export interface Capture {
  /** Counts from 1. */
  readonly number: number;
  /** The ids of the symbols known at the cut are below this. */
  readonly symbols: number;
  readonly movingAverageWindow: number;
  /** Ticks of a symbol that may wait for earlier ones; undefined: none wait. */
  readonly reorderTicks?: number | undefined;
  readonly names: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
  /** Undefined: no tick waits. */
  readonly reorder?: SharedArrayBuffer | undefined;
  /** By partition. */
  readonly places: readonly SharedArrayBuffer[];
  /** By partition: sets of the symbols that changed since the base. */
  readonly sinceBase: readonly SharedArrayBuffer[];
  /** Symbols retired since the base. Some may have ticks again, in another place. */
  readonly retired: readonly string[];
  /** What rules remember, and the file in force at the cut; undefined: there are none. */
  readonly rules?: { readonly memory: RuleMemory; readonly text: string } | undefined;
  /** By partition: the cost, and the counts of ticks before the cut. */
  readonly reports: readonly CaptureReport[];
}

/** The fields that all captures of an engine share. */
type CaptureFrame = Pick<Capture, 'movingAverageWindow' | 'reorderTicks'>;

/** Which symbols of a capture to read. */
export type CaptureExtent = 'all' | 'sinceBase';

/** The gateway's end: asks the workers for captures, one at a time. The gateway's thread only. */
export class Captures {
  readonly #memory: readonly CaptureMemory[];
  readonly #requesters: readonly CaptureRequester[];
  readonly #producers: readonly TickProducer[];
  readonly #frame: CaptureFrame;
  readonly #ruleText: () => string | undefined;
  #number = 0;
  #isFree = true;
  /** Whether a capture is requested and not made. */
  isPending = false;
  readonly #onFree: (() => void)[] = [];
  /** Symbols retired since the base. */
  readonly #retired = new Set<string>();

  /** @param producers by partition, as `memory` is */
  constructor(
    memory: readonly CaptureMemory[],
    producers: readonly TickProducer[],
    frame: CaptureFrame,
    ruleText: () => string | undefined = () => undefined,
  ) {
    this.#ruleText = ruleText;
    this.#memory = memory;
    this.#producers = producers;
    this.#frame = frame;
    this.#requesters = memory.map(({ request }) => new CaptureRequester(request));
  }

  /** Whether no capture is being made or read. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /**
   * Requests a capture from all workers and wakes those that sleep. Resolves when the last worker
   * has made its part, which needs every tick offered so far to be published.
   *
   * @param symbols known now
   */
  async request(symbols: number): Promise<Capture> {
    this.#isFree = false;
    this.isPending = true;
    const number = ++this.#number;
    const cuts = this.#producers.map(({ offered }) => offered);
    // No others come into force before the cut is reached.
    const text = this.#ruleText();
    for (const [partition, requester] of this.#requesters.entries()) {
      requester.request(cuts[partition] as number);
      (this.#producers[partition] as TickProducer).wake();
    }
    await Promise.all(this.#requesters.map((requester) => requester.done()));
    this.isPending = false;
    const places = this.#memory.map((memory) => memory.places);
    const reports = this.#requesters.map((requester) => requester.report());
    for (const [partition, { applied, lost }] of reports.entries()) {
      const cut = cuts[partition] as number;
      assertEqual('ticks applied or lost before a cut', applied + lost, cut);
    }
    const [first] = this.#memory as [CaptureMemory];
    const sinceBase = this.#memory.map((memory) => memory.sinceBase);
    const { nameCopies: names, records, reorder, rules: states } = first;
    const retired = [...this.#retired];
    const rules = states && text !== undefined ? { memory: states, text } : undefined;
    const memory = { names, records, reorder, rules, places, sinceBase };
    return { number, symbols, ...memory, retired, reports, ...this.#frame };
  }

  /** A symbol was retired, and no capture is being read. */
  noteRetired(symbol: string): void {
    this.#retired.add(symbol);
  }

  /** Makes the capture, not released yet, the base: nothing has changed since. */
  setBase({ number }: Capture): void {
    if (number !== this.#number || this.#isFree) throw new Error('the capture is released');
    for (const { sinceBase } of this.#memory) new ChangeSet(sinceBase).clearAll();
    this.#retired.clear();
  }

  /** Lets the next capture overwrite this one. */
  release({ number }: Capture): void {
    if (number !== this.#number) return;
    this.#isFree = true;
    for (const resolve of this.#onFree.splice(0)) resolve();
  }

  /** Resolves when no capture is being made or read, though perhaps again. */
  free(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isFree) resolve();
      else this.#onFree.push(resolve);
    });
  }
}

/**
 * The worker's end. At the cut it copies the records that changed since the last capture, with
 * their places, to the staging area, which then holds all symbols as of the cut. One thread only;
 * nothing called once a tick allocates.
 */
export class CaptureStaging {
  readonly #responder: CaptureResponder;
  readonly #changes: ChangeSet;
  readonly #sinceBase: ChangeSet;
  readonly #counters: Counters;
  readonly #records: SymbolRecords;
  readonly #average: MovingAverage;
  readonly #places: Float64Array;
  readonly #stagedRecords: Float64Array;
  readonly #stagedPlaces: Float64Array;
  readonly #names: SymbolNames;
  readonly #stagedNames: SymbolNames;
  readonly #reorder: ReorderBuffers | undefined;
  readonly #stagedReorder: ReorderBuffers | undefined;
  readonly #rules: RuleCopies | undefined;

  constructor(memory: PartitionMemory, captures: CaptureMemory, rules: Rules, counters: Counters) {
    this.#responder = new CaptureResponder(captures.request);
    this.#changes = new ChangeSet(captures.changes);
    this.#sinceBase = new ChangeSet(captures.sinceBase);
    this.#counters = counters;
    this.#records = new SymbolRecords(memory.records, rules.movingAverageWindow);
    this.#average = new MovingAverage(this.#records, rules.movingAverageWindow);
    this.#places = float64s(memory.places);
    this.#stagedRecords = float64s(captures.records);
    this.#stagedPlaces = float64s(captures.places);
    this.#names = new SymbolNames(captures.names);
    this.#stagedNames = new SymbolNames(captures.nameCopies);
    this.#rules = memory.rules && captures.rules && new RuleCopies(memory.rules, captures.rules);
    const { reorder } = memory;
    if (reorder === undefined || captures.reorder === undefined) return;
    this.#reorder = new ReorderBuffers(reorder.buffers, reorder.ticks);
    this.#stagedReorder = new ReorderBuffers(captures.reorder, reorder.ticks);
  }

  /** Marks the symbols of ticks `from` to `to` (exclusive) as changed, before these are applied. */
  markAll(symbolIds: Int32Array, from: number, to: number): void {
    this.#changes.markAll(symbolIds, from, to);
  }

  /**
   * A symbol is being retired: its copy has no ticks. No copy of its record may follow, as the next
   * symbol in its place may be another worker's. No capture is being made or read.
   */
  retire(symbolId: number): void {
    const row = symbolId * this.#records.doublesEach;
    this.#stagedRecords[row + RecordDouble.COUNT] = 0;
    this.#stagedRecords[row + RecordDouble.ANOMALIES] = 0;
    this.#changes.clear(symbolId);
    this.#sinceBase.mark(symbolId);
  }

  isWanted(): boolean {
    return this.#responder.isWanted();
  }

  /** Whether the cut of the requested capture is reached after so many ticks taken. */
  isDue(taken: number): boolean {
    return this.isWanted() && this.#responder.ticksBefore(taken) <= 0;
  }

  /**
   * Returns how many of the next `count` ticks may be applied: those before the cut of the
   * requested capture. Once the queue has reached the cut, or was lapped beyond it, makes the
   * capture and admits all of them.
   */
  admit(count: number): number {
    const before = this.#responder.ticksBefore(this.#counters.taken());
    if (before > 0) return Math.min(before, count);
    this.#capture(-before);
    return count;
  }

  /** Wakes the gateway in case the previous worker died before it did. */
  takeOver(): void {
    this.#responder.notifyAgain();
  }

  /** @param beyond ticks behind the cut that were lapped */
  #capture(beyond: number): void {
    const start = monotonicMs();
    const copied = this.#changes.takeAll(this.#copy);
    const lapped = this.#counters.get(Counter.LAPPED) - beyond;
    this.#responder.finish(
      copied,
      monotonicMs() - start,
      this.#counters.get(Counter.APPLIED),
      lapped + this.#counters.get(Counter.SKIPPED),
    );
  }

  readonly #copy = (symbolId: number): void => {
    const records = this.#records;
    // A tick with an invalid symbol id kills the worker that applies it, but its mark stays.
    if (symbolId >= records.symbols) return;
    this.#sinceBase.mark(symbolId);
    const record = symbolId * records.doublesEach;
    const count = records.doubles[record + RecordDouble.COUNT] as number;
    const end = record + RecordDouble.PRICES + this.#average.filled(symbolId, count);
    for (let i = record; i < end; i++) this.#stagedRecords[i] = records.doubles[i] as number;
    copyArenaPlaces(records, this.#places, this.#stagedPlaces, symbolId, MINIMA);
    copyArenaPlaces(records, this.#places, this.#stagedPlaces, symbolId, MAXIMA);
    if (this.#stagedReorder !== undefined) this.#reorder?.copyTo(this.#stagedReorder, symbolId);
    this.#names.copyTo(this.#stagedNames, symbolId);
    this.#rules?.copy(symbolId);
  };
}

/** No chunk but the last is smaller. */
const CHUNK_BYTES_MIN = 64 * 1024;

const decoder = new TextDecoder();

/**
 * Encodes the states of symbols of a capture for `decodeSymbolStates`, in chunks of whole states of
 * 64 kB or a little more; the last may be smaller. Any thread, until the capture is released or
 * becomes the base.
 */
export function* readCapture(
  capture: Capture,
  extent: CaptureExtent = 'all',
): Generator<Uint8Array> {
  const writer = new SymbolStateWriter();
  for (const state of readStates(capture, extent)) {
    writer.append(state);
    if (writer.length >= CHUNK_BYTES_MIN) yield writer.take();
  }
  if (writer.length > 0) yield writer.take();
}

/**
 * The symbols of a capture that changed since the base; includes all that were restored as long as
 * there is no base.
 */
export function countChanged(capture: Capture): number {
  let count = capture.retired.length;
  for (const _ of symbolsInAny(capture.sinceBase)) count++;
  return count;
}

function* idsBelow(end: number): Generator<number> {
  for (let symbolId = 0; symbolId < end; symbolId++) yield symbolId;
}

/**
 * The states of symbols of a capture, by symbol id: of all that have ticks or anomalies, or of
 * those that changed, preceded by empty states of those that are gone.
 */
function* readStates(capture: Capture, extent: CaptureExtent): Generator<SymbolState> {
  const names = new SymbolNames(capture.names);
  const records = new SymbolRecords(capture.records, capture.movingAverageWindow);
  const table = new StatisticsTable(records);
  const places = capture.places.map((memory) => float64s(memory));
  const { rules } = capture;
  const ruled = rules && new RuleStateReader(rules.memory, rules.text);
  const isAll = extent === 'all';
  const { reorder, reorderTicks } = capture;
  const buffers =
    reorder && reorderTicks !== undefined ? new ReorderBuffers(reorder, reorderTicks) : undefined;
  if (!isAll) yield* goneStates(capture, table, names);
  for (const symbolId of isAll ? idsBelow(capture.symbols) : symbolsInAny(capture.sinceBase)) {
    if (isGone(table, symbolId)) continue;
    const count = table.value(symbolId, RowValue.COUNT);
    const anomalies = table.anomalies(symbolId);
    const name = names.get(symbolId);
    const partition = partitionOf(symbolHash(name, 0, name.length), places.length);
    const own = places[partition] as Float64Array;
    const symbol = decoder.decode(name);
    yield {
      symbol,
      rules: ruled?.read(symbolId, symbol),
      anomalies,
      count,
      price: table.value(symbolId, RowValue.PRICE),
      average: table.value(symbolId, RowValue.AVERAGE),
      time: table.value(symbolId, RowValue.TIME),
      min: table.value(symbolId, RowValue.MIN),
      max: table.value(symbolId, RowValue.MAX),
      averaging: readAverage(records, symbolId, count, capture.movingAverageWindow),
      minima: readPlaces(records, own, symbolId, MINIMA),
      maxima: readPlaces(records, own, symbolId, MAXIMA),
      detection: count > 0 ? buffers?.read(symbolId) : undefined,
    };
  }
}

/** Whether there is nothing to continue from. */
function isGone(table: StatisticsTable, symbolId: number): boolean {
  if (table.value(symbolId, RowValue.COUNT) > 0) return false;
  // All its ticks were refused, overwritten or offered after the cut.
  if (table.anomalies(symbolId) === 0) return true;
  // Its row was written and has no ticks: retired, whatever the rest says.
  return table.version(symbolId) !== 0;
}

/** Empty states of what may be in the base and is gone, or has begun anew. */
function* goneStates(
  { retired, sinceBase }: Capture,
  table: StatisticsTable,
  names: SymbolNames,
): Generator<SymbolState> {
  yield* retired.map((symbol) => emptyState(symbol));
  for (const symbolId of symbolsInAny(sinceBase)) {
    const name = isGone(table, symbolId) ? names.get(symbolId) : [];
    if (name.length > 0) yield emptyState(decoder.decode(Uint8Array.from(name)));
  }
}

function readAverage(
  records: SymbolRecords,
  symbolId: number,
  count: number,
  window: number,
): AverageState {
  const record = symbolId * records.doublesEach;
  const taken = count - (records.doubles[record + RecordDouble.SINCE] as number);
  const first = record + RecordDouble.PRICES;
  return {
    window,
    taken,
    prices: new Float64Array(records.doubles.subarray(first, first + Math.min(taken, window))),
  };
}
