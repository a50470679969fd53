import { connect, type Subscriber } from '../../client-sdk/src/index.ts';
import type { OwnServer } from '../../loadgen/own-server.ts';
import { shardOf } from '../../src/cluster/names.ts';

/** A time without updates of a shard, on the clock of `performance.now`. */
export interface Silence {
  readonly from: number;
  readonly to: number;
}

/** When updates of each shard arrive at a subscriber to everything. */
export class ShardArrivals {
  readonly #subscriber: Subscriber;
  readonly #shards: number;
  readonly #shardOfSymbol = new Map<string, number>();
  readonly #last = new Map<number, number>();
  #longest = new Map<number, Silence>();

  /** Resolves once it is subscribed. */
  static async open({ url }: OwnServer, shards: number): Promise<ShardArrivals> {
    const arrivals = new ShardArrivals(url, shards);
    await arrivals.#subscriber.subscribe('*').ready;
    return arrivals;
  }

  private constructor(url: string, shards: number) {
    this.#shards = shards;
    this.#subscriber = connect(url);
    this.#subscriber.on('update', ({ changes }) => {
      const now = performance.now();
      for (const { symbol } of changes) this.#arrived(this.#shardOf(symbol), now);
    });
  }

  /** Shards that have symbols. */
  get shards(): ReadonlySet<number> {
    return new Set(this.#last.keys());
  }

  /** Ticks that are counted, of all symbols. */
  get ticks(): number {
    let total = 0;
    for (const { updateCount } of this.#subscriber.symbols()) total += updateCount;
    return total;
  }

  /** When the last update of a shard came. */
  last(shard: number): number {
    return this.#last.get(shard) ?? Number.NEGATIVE_INFINITY;
  }

  /** Looks for the longest silences from now on; one that has begun counts whole. */
  watch(): void {
    this.#longest = new Map();
  }

  /** The longest silence of a shard that ended since {@link watch}. */
  longest(shard: number): Silence {
    const now = performance.now();
    return this.#longest.get(shard) ?? { from: this.last(shard), to: now };
  }

  close(): void {
    this.#subscriber.close();
  }

  #shardOf(symbol: string): number {
    const known = this.#shardOfSymbol.get(symbol);
    if (known !== undefined) return known;
    const shard = shardOf(symbol, this.#shards);
    this.#shardOfSymbol.set(symbol, shard);
    return shard;
  }

  #arrived(shard: number, to: number): void {
    const from = this.#last.get(shard) ?? to;
    const longest = this.#longest.get(shard);
    if (longest === undefined || to - from > longest.to - longest.from) {
      this.#longest.set(shard, { from, to });
    }
    this.#last.set(shard, to);
  }
}
