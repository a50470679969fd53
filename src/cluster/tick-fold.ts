import type { ShardPartition } from '../engine/index.ts';
import { AcceptRule } from './accept-rule.ts';
import type { ReadMessage } from './bus.ts';
import { FeedReader } from './feed-reader.ts';
import type { ClusterNames } from './names.ts';
import type { OwnerCounts } from './owner-counts.ts';
import { SegmentReader } from './segments.ts';
import type { ShardSnapshot } from './shard-snapshot.ts';
import { SkippedTicks, TickError } from './skipped-ticks.ts';

const encoder = new TextEncoder();

/** The symbol was not looked up yet. */
const UNRESOLVED = -2;

/** Applies the ticks of a shard's log that count, and counts the others. */
export class TickFold {
  /** From the receipt of the newest tick, by the clock of another machine, to its folding, ms. */
  delayMs = 0;
  readonly #partition: ShardPartition;
  readonly #counts: OwnerCounts;
  readonly #rule: AcceptRule;
  readonly #feeds: FeedReader;
  readonly #skipped: SkippedTicks;

  /**
   * @param from where the log goes on from; undefined: at its begin
   * @param skipped ticks that are left out
   */
  constructor(
    names: ClusterNames,
    shard: number,
    partition: ShardPartition,
    counts: OwnerCounts,
    maxFutureMs: number | undefined,
    from: Pick<ShardSnapshot, 'publishers' | 'feeds'> | undefined,
    skipped = SkippedTicks.NONE,
  ) {
    this.#skipped = skipped;
    this.#partition = partition;
    this.#counts = counts;
    this.#rule = new AcceptRule(from?.publishers);
    this.#feeds = new FeedReader(
      names,
      shard,
      maxFutureMs ?? Number.POSITIVE_INFINITY,
      from?.feeds,
    );
  }

  /** For a snapshot: how far publishers at edges are, and senders of feeds. */
  get places(): Required<Pick<ShardSnapshot, 'publishers' | 'feeds'>> {
    return { publishers: [...this.#rule.last], feeds: [...this.#feeds.last] };
  }

  /**
   * Folds the ticks of edges.
   *
   * @throws TickError for one that cannot be applied; RangeError for a message of another version
   */
  segments({ payload, sequence }: ReadMessage): void {
    const counts = this.#counts;
    const partition = this.#partition;
    const reader = new SegmentReader(payload);
    const ids = reader.symbols.map(() => UNRESOLVED);
    const skipped = this.#skipped.of(sequence);
    let next = 0;
    for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
      const refused = this.#rule.take(segment);
      if (refused !== undefined) {
        if (refused === 'duplicate') counts.duplicateSegments++;
        else counts.gapSegments++;
        next += segment.ticks;
        continue;
      }
      const { receivedAt } = segment;
      this.#received(receivedAt);
      counts.ticks += segment.ticks;
      reader.forEachTick((symbol, price, time) => {
        const index = next++;
        if (skipped?.has(index) === true) {
          this.#skip();
          return;
        }
        const name = reader.symbols[symbol] as Uint8Array;
        try {
          let id = ids[symbol] ?? UNRESOLVED;
          if (id === UNRESOLVED) {
            id = partition.symbolId(name, sequence);
            ids[symbol] = id;
          }
          if (id < 0) counts.refusedTicks++;
          else partition.apply(id, price, time, receivedAt);
        } catch (error) {
          throw new TickError({ position: sequence, index }, name, price, time, error);
        }
      });
    }
  }

  /**
   * Folds what a NATS client sent.
   *
   * @throws TickError for a tick that cannot be applied
   */
  feed(message: ReadMessage): void {
    const counts = this.#counts;
    const { sequence, storedAt, subject } = message;
    const partition = this.#partition;
    const result = this.#feeds.take(message, (symbol) => {
      // A symbol is there once it has a valid tick.
      let id = UNRESOLVED;
      let next = 0;
      const name = encoder.encode(symbol);
      const skipped = this.#skipped.of(sequence);
      this.#received(storedAt);
      return {
        apply: (price, time) => {
          const index = next++;
          counts.ticks++;
          if (skipped?.has(index) === true) {
            this.#skip();
            return;
          }
          try {
            if (id === UNRESOLVED) id = partition.symbolId(name, sequence);
            if (id < 0) counts.refusedTicks++;
            else partition.apply(id, price, time, storedAt);
          } catch (error) {
            throw new TickError({ position: sequence, index }, name, price, time, error);
          }
        },
        refuse: (fault) => counts.feeds.refuseTick(fault, subject, sequence),
      };
    });
    counts.feeds.count(result, subject, sequence);
  }

  #skip(): void {
    this.#counts.ticks--;
    this.#counts.skippedTicks++;
  }

  #received(at: number): void {
    this.delayMs = Math.max(0, Date.now() - at);
  }
}
