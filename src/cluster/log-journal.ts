import { AcceptedTicks, type FrameJournal } from '../gateway/index.ts';
import type { TickBatch } from '../protocol/index.ts';
import type { Bus } from './bus.ts';
import { type ClusterNames, shardOf } from './names.ts';
import type { Hold, PublisherLedger } from './publisher-ledger.ts';
import { type FramePlace, NO_PLACE, PART_TICKS } from './segments.ts';
import { type LogCounts, type SentFrame, ShardLog } from './shard-log.ts';

/** Ticks that wait for the broker, or are on their way to it, at most. */
const TICKS_MAX = 524_288;

/** A frame on its way. */
interface JournaledFrame extends SentFrame {
  /** Of a numbered frame: whose it is, since a claim here; undefined: nobody waits for it. */
  readonly hold: Hold | undefined;
  readonly sequence: number;
  readonly ticks: number;
}

interface JournalParts {
  readonly bus: Bus;
  readonly names: ClusterNames;
  readonly ledger: PublisherLedger;
  /** Identifies this run. */
  readonly edge: string;
  readonly symbolName: (symbolId: number) => string;
  readonly publisherName: (publisherId: number) => string;
}

/**
 * The logs of all shards as the gateway's journal: a frame is *synced* once all its ticks are in
 * logs and the ledger has its sequence. Positions count frames.
 */
export class LogJournal implements FrameJournal {
  readonly figures = undefined;
  readonly precedesOffers = true;
  readonly isInGap = false;
  readonly start = 0;
  readonly counts: LogCounts = { messages: 0, resends: 0, bytes: 0 };
  readonly #parts: JournalParts;
  readonly #logs: readonly ShardLog[];
  /** By symbol id: shard + 1. */
  #shards = new Uint16Array(1024);
  readonly #accepted = new AcceptedTicks();
  /** Places of the accepted ticks among those that came in the frame. */
  #indexes = new Uint32Array(256);
  /** Frames not yet synced, oldest first. Those before `#stored` are in logs. */
  #frames: JournaledFrame[] = [];
  #stored = 0;
  #position = 0;
  #synced = 0;
  #ticks = 0;
  /** Frames without a number, or a named publisher, are numbered here. */
  #ownFrames = 0;
  /** The place that a publisher last wrote to a shard, by publisher and shard. */
  readonly #last = new Map<string, Map<number, FramePlace>>();
  /** The part of the frame at hand that a shard is given now. */
  readonly #open = new Map<number, number>();
  /** Shards of all frames of this turn of the event loop. */
  readonly #touched = new Set<number>();
  #isFlushing = false;
  readonly #listeners: ((synced: number) => void)[] = [];

  constructor(parts: JournalParts) {
    this.#parts = parts;
    const { bus, ledger, names } = parts;
    this.#logs = Array.from(
      { length: names.shards },
      (_, shard) => new ShardLog(bus, names.ticks(shard), this.counts, this.#onStored),
    );
    ledger.onWritten = () => this.#settle();
  }

  get position(): number {
    return this.#position;
  }

  get syncedPosition(): number {
    return this.#synced;
  }

  /** Ticks that wait, or are on their way. */
  get waitingTicks(): number {
    return this.#ticks;
  }

  get fault(): string | undefined {
    return this.#parts.bus.isConnected ? undefined : 'there is no connection to the broker';
  }

  freeTicks(): number {
    return Math.max(0, TICKS_MAX - this.#ticks);
  }

  listen(listener: (synced: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Tells the listeners, who may have asked after the fact. */
  wantSynced(position: number): void {
    if (position <= this.#synced) setImmediate(() => this.#notify());
  }

  /** A publisher comes from another edge: what it wrote here before says nothing. */
  forget(publisher: string): void {
    this.#last.delete(publisher);
  }

  stop(): void {
    for (const log of this.#logs) log.stop();
  }

  begin(capacity: number): void {
    this.#accepted.begin(capacity);
    const { length } = this.#accepted.ids;
    if (length > this.#indexes.length) this.#indexes = new Uint32Array(length);
  }

  add(symbolId: number, batch: TickBatch, index: number): void {
    this.#indexes[this.#accepted.count] = index;
    this.#accepted.add(symbolId, batch, index);
  }

  append(publisherId: number, batch: TickBatch): boolean {
    const { count } = this.#accepted;
    const isNumbered = publisherId > 0 && batch.sequence > 0;
    if (count === 0 && !isNumbered) return true;
    if (count > this.freeTicks()) return false;
    const publisher = isNumbered ? this.#parts.publisherName(publisherId) : undefined;
    const hold = publisher === undefined ? undefined : this.#parts.ledger.holdOf(publisher);
    const frame: JournaledFrame = { unstored: 0, hold, sequence: batch.sequence, ticks: count };
    this.#frames.push(frame);
    this.#position++;
    this.#ticks += count;
    const number = isNumbered ? batch.sequence : ++this.#ownFrames;
    this.#write(frame, publisher ?? `~${this.#parts.edge}`, number, batch);
    if (frame.unstored === 0) this.#advance();
    return true;
  }

  #write(frame: SentFrame, writer: string, number: number, batch: TickBatch): void {
    const { prices, receivedAt, times } = batch;
    const last = this.#placesOf(writer);
    this.#open.clear();
    const { count, ids } = this.#accepted;
    for (let i = 0; i < count; i++) {
      const symbolId = ids[i] as number;
      const symbol = this.#parts.symbolName(symbolId);
      const shard = this.#shardOf(symbolId, symbol);
      const log = this.#logs[shard] as ShardLog;
      const part = Math.floor((this.#indexes[i] as number) / PART_TICKS);
      if (this.#open.get(shard) !== part) {
        const place = { frame: number, part };
        log.begin(frame, writer, place, last.get(shard) ?? NO_PLACE, receivedAt);
        last.set(shard, place);
        this.#open.set(shard, part);
      }
      log.add(symbol, prices[i] as number, times[i] as number);
    }
    for (const shard of this.#open.keys()) this.#touched.add(shard);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  #placesOf(writer: string): Map<number, FramePlace> {
    const known = this.#last.get(writer);
    if (known !== undefined) return known;
    const places = new Map<number, FramePlace>();
    this.#last.set(writer, places);
    return places;
  }

  #shardOf(symbolId: number, symbol: string): number {
    if (symbolId >= this.#shards.length) {
      const larger = new Uint16Array(2 ** Math.ceil(Math.log2(symbolId + 1)));
      larger.set(this.#shards);
      this.#shards = larger;
    }
    const known = this.#shards[symbolId] as number;
    if (known > 0) return known - 1;
    const shard = shardOf(symbol, this.#parts.names.shards);
    this.#shards[symbolId] = shard + 1;
    return shard;
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    for (const shard of this.#touched) (this.#logs[shard] as ShardLog).flush();
    this.#touched.clear();
  };

  readonly #onStored = (frame: SentFrame): void => {
    if (frame.unstored === 0) this.#advance();
  };

  /** Frames up to the first that is not in logs may be settled. */
  #advance(): void {
    const { ledger } = this.#parts;
    while (this.#frames[this.#stored]?.unstored === 0) {
      const { hold, sequence } = this.#frames[this.#stored++] as JournaledFrame;
      if (hold !== undefined) ledger.settle(hold, sequence);
    }
    this.#settle();
  }

  /** Frames up to the first that the ledger lacks are synced. */
  #settle(): void {
    const { ledger } = this.#parts;
    let settled = 0;
    while (settled < this.#stored) {
      const { hold, sequence, ticks } = this.#frames[settled] as JournaledFrame;
      if (hold !== undefined && !ledger.isSettled(hold, sequence)) break;
      this.#ticks -= ticks;
      settled++;
    }
    if (settled === 0) return;
    this.#frames.splice(0, settled);
    this.#stored -= settled;
    this.#synced += settled;
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this.#synced);
  }

  /** The id may have been another symbol's. */
  declareSymbol(symbolId: number): void {
    if (symbolId < this.#shards.length) this.#shards[symbolId] = 0;
  }

  // Owners write what changes state besides ticks; a retirement precedes what is seen of it.
  appendClock(): boolean {
    return false;
  }
  appendRules(): boolean {
    return false;
  }
  retire(): void {}
}
