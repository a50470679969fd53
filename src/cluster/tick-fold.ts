import type { ShardPartition } from '../engine/index.ts';
import { AcceptRule } from './accept-rule.ts';
import type { ReadMessage } from './bus.ts';
import type { FeedFigures } from './feed-figures.ts';
import { FeedReader } from './feed-reader.ts';
import type { ClusterNames } from './names.ts';
import { SegmentReader } from './segments.ts';
import type { ShardSnapshot } from './shard-snapshot.ts';

const encoder = new TextEncoder();

/** The symbol was not looked up yet. */
const UNRESOLVED = -2;

/** What is counted of logs. */
export interface FoldCounts {
  ticks: number;
  duplicateSegments: number;
  gapSegments: number;
  /** Ticks of symbols beyond the limit of their shard. */
  refusedTicks: number;
  readonly feeds: FeedFigures;
}

/** Applies the ticks of a shard's log that count, and counts the others. */
export class TickFold {
  /** From the receipt of the newest tick, by the clock of another machine, to its folding, ms. */
  delayMs = 0;
  readonly #partition: ShardPartition;
  readonly #counts: FoldCounts;
  readonly #rule: AcceptRule;
  readonly #feeds: FeedReader;

  /** @param from where the log goes on from; undefined: at its begin */
  constructor(
    names: ClusterNames,
    shard: number,
    partition: ShardPartition,
    counts: FoldCounts,
    maxFutureMs: number | undefined,
    from: Pick<ShardSnapshot, 'publishers' | 'feeds'> | undefined,
  ) {
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

  /** Folds the ticks of edges. */
  segments({ payload, sequence }: ReadMessage): void {
    const counts = this.#counts;
    const partition = this.#partition;
    const reader = new SegmentReader(payload);
    const ids = reader.symbols.map(() => UNRESOLVED);
    for (let segment = reader.next(); segment !== undefined; segment = reader.next()) {
      const refused = this.#rule.take(segment);
      if (refused !== undefined) {
        if (refused === 'duplicate') counts.duplicateSegments++;
        else counts.gapSegments++;
        continue;
      }
      const { receivedAt } = segment;
      this.#received(receivedAt);
      reader.forEachTick((symbol, price, time) => {
        let id = ids[symbol] ?? UNRESOLVED;
        if (id === UNRESOLVED) {
          id = partition.symbolId(reader.symbols[symbol] as Uint8Array, sequence);
          ids[symbol] = id;
        }
        if (id < 0) counts.refusedTicks++;
        else partition.apply(id, price, time, receivedAt);
      });
      counts.ticks += segment.ticks;
    }
  }

  /** Folds what a NATS client sent. */
  feed(message: ReadMessage): void {
    const counts = this.#counts;
    const { sequence, storedAt, subject } = message;
    const partition = this.#partition;
    const result = this.#feeds.take(message, (symbol) => {
      // A symbol is there once it has a valid tick.
      let id = UNRESOLVED;
      this.#received(storedAt);
      return {
        apply: (price, time) => {
          if (id === UNRESOLVED) id = partition.symbolId(encoder.encode(symbol), sequence);
          counts.ticks++;
          if (id < 0) counts.refusedTicks++;
          else partition.apply(id, price, time, storedAt);
        },
        refuse: (fault) => counts.feeds.refuseTick(fault, subject, sequence),
      };
    });
    counts.feeds.count(result, subject, sequence);
  }

  #received(at: number): void {
    this.delayMs = Math.max(0, Date.now() - at);
  }
}
