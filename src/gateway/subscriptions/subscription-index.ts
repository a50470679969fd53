import { type Int32Column, int32Column } from './growing-column.ts';
import { NONE, type SubscriptionColumns } from './subscription-columns.ts';

function hash(session: number, symbolId: number): number {
  const mixed = Math.imul(session, 0x9e37_79b1) ^ Math.imul(symbolId, 0x85eb_ca6b);
  const spread = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d);
  return spread ^ (spread >>> 13);
}

/**
 * Session and symbol → subscription, for all sessions: a hash table that grows by one bucket at a
 * time ([linear hashing](https://en.wikipedia.org/wiki/Linear_hashing)). No call takes longer
 * because the table is large, and there is no second table while it grows.
 *
 * With 2^k ≤ buckets < 2^(k+1), the first `buckets - 2^k` buckets are split: k + 1 bits of the hash
 * pick the bucket there, k bits elsewhere. A bucket is a list through NEXT_IN_BUCKET. There are as
 * many buckets as there were subscriptions at the busiest time: 8 bytes a subscription, lists
 * included.
 */
export class SubscriptionIndex {
  readonly #columns: SubscriptionColumns;
  /** First subscription + 1 by bucket; 0: none. */
  #heads: Int32Column;
  readonly #reserved: number;
  #buckets = 0;
  /** 2^k - 1. */
  #mask = 0;
  #size = 0;

  /** @param reserved subscriptions that it holds before growing copies */
  constructor(columns: SubscriptionColumns, reserved: number) {
    this.#columns = columns;
    this.#reserved = reserved;
    this.#heads = int32Column(reserved);
    this.#addBucket();
  }

  /** The subscription of a session to a symbol, or {@link NONE}. */
  find(session: number, symbolId: number): number {
    const columns = this.#columns;
    let found = this.#head(this.#bucketOf(hash(session, symbolId)));
    while (
      found !== NONE &&
      (columns.symbolIds[found] !== symbolId || columns.sessions[found] !== session)
    ) {
      found = columns.nextInBucket[found] as number;
    }
    return found;
  }

  /** Adds a subscription by the session and symbol in its row. It must not be in. */
  add(subscription: number): void {
    this.#size++;
    if (this.#size > this.#buckets) this.#splitBucket();
    this.#push(this.#bucketOf(this.#hashOf(subscription)), subscription);
  }

  /** Removes a subscription. Its row must hold the session and symbol that it was added by. */
  remove(subscription: number): void {
    const columns = this.#columns;
    const bucket = this.#bucketOf(this.#hashOf(subscription));
    const next = columns.nextInBucket[subscription] as number;
    let before = this.#head(bucket);
    if (before === subscription) {
      this.#setHead(bucket, next);
    } else {
      while (before !== NONE && columns.nextInBucket[before] !== subscription) {
        before = columns.nextInBucket[before] as number;
      }
      if (before === NONE) throw new Error(`subscription ${subscription} is not in the index`);
      columns.nextInBucket[before] = next;
    }
    this.#size--;
  }

  #hashOf(subscription: number): number {
    return hash(
      this.#columns.sessions[subscription] as number,
      this.#columns.symbolIds[subscription] as number,
    );
  }

  #bucketOf(hashed: number): number {
    const bucket = hashed & (this.#mask * 2 + 1);
    return bucket < this.#buckets ? bucket : hashed & this.#mask;
  }

  /** Adds a bucket and moves into it what belongs there: a part of one other bucket. */
  #splitBucket(): void {
    const columns = this.#columns;
    const added = this.#buckets;
    const split = added & this.#mask;
    this.#addBucket();
    let subscription = this.#head(split);
    this.#setHead(split, NONE);
    while (subscription !== NONE) {
      const next = columns.nextInBucket[subscription] as number;
      const isMoved = (this.#hashOf(subscription) & (this.#mask + 1)) !== 0;
      this.#push(isMoved ? added : split, subscription);
      subscription = next;
    }
    if (this.#buckets === (this.#mask + 1) * 2) this.#mask = this.#mask * 2 + 1;
  }

  #addBucket(): void {
    if (this.#buckets === this.#heads.length) {
      this.#heads = int32Column(this.#reserved, this.#heads);
    }
    this.#buckets++;
  }

  #push(bucket: number, subscription: number): void {
    this.#columns.nextInBucket[subscription] = this.#head(bucket);
    this.#setHead(bucket, subscription);
  }

  #head(bucket: number): number {
    return (this.#heads[bucket] as number) - 1;
  }

  #setHead(bucket: number, subscription: number): void {
    this.#heads[bucket] = subscription + 1;
  }
}
