import { CaptureResponder } from './memory/capture-request.ts';
import { ChangeSet } from './memory/change-set.ts';
import { Counter, type Counters } from './memory/counters.ts';
import { copyArenaPlaces, MAXIMA, MINIMA } from './memory/deque-places.ts';
import type { CaptureMemory, PartitionMemory } from './memory/engine-memory.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import { monotonicMs } from './monotonic-clock.ts';
import { MovingAverage } from './moving-average.ts';
import type { Rules } from './partition.ts';

/**
 * The worker's part of a capture: when it stands at the cut, it copies the records that changed since the last one, with
 * their places, to the staging area, which so holds all symbols as they are at the cut. One thread only; nothing that is
 * called for each tick allocates.
 */
export class PartitionStaging {
  readonly #responder: CaptureResponder;
  readonly #changes: ChangeSet;
  readonly #counters: Counters;
  readonly #records: SymbolRecords;
  readonly #average: MovingAverage;
  readonly #places: Float64Array;
  readonly #stagedRecords: Float64Array;
  readonly #stagedPlaces: Float64Array;

  constructor(memory: PartitionMemory, captures: CaptureMemory, rules: Rules, counters: Counters) {
    this.#responder = new CaptureResponder(captures.request);
    this.#changes = new ChangeSet(captures.changes);
    this.#counters = counters;
    this.#records = new SymbolRecords(memory.records, rules.movingAverageWindow);
    this.#average = new MovingAverage(this.#records, rules.movingAverageWindow);
    this.#places = new Float64Array(memory.places);
    this.#stagedRecords = new Float64Array(captures.records);
    this.#stagedPlaces = new Float64Array(captures.places);
  }

  /** Ticks from `from` to `to` (exclusive) are about to be applied. */
  markAll(symbolIds: Int32Array, from: number, to: number): void {
    this.#changes.markAll(symbolIds, from, to);
  }

  readonly isWanted = (): boolean => this.#responder.isWanted();

  /**
   * How many of `count` ticks from `position` on may be applied: those before the cut of a capture that is wanted. Where the
   * queue has come to the cut, or was lapped beyond it, the capture is made first, and all of them may.
   */
  admit(position: number, count: number): number {
    const before = this.#responder.ticksBefore(position);
    if (before > 0) return Math.min(before, count);
    this.#capture(-before);
    return count;
  }

  /** For a worker that takes over. */
  takeOver(): void {
    this.#responder.notifyAnew();
  }

  /** @param beyond ticks behind the cut that the queue was lapped by already */
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
    // A tick of no symbol kills the worker that applies it; its mark stays.
    if (symbolId >= records.symbols) return;
    const record = symbolId * records.doublesEach;
    const count = records.doubles[record + RecordDouble.COUNT] as number;
    const end = record + RecordDouble.PRICES + this.#average.filled(symbolId, count);
    for (let i = record; i < end; i++) this.#stagedRecords[i] = records.doubles[i] as number;
    copyArenaPlaces(records, this.#places, this.#stagedPlaces, symbolId, MINIMA);
    copyArenaPlaces(records, this.#places, this.#stagedPlaces, symbolId, MAXIMA);
  };
}
