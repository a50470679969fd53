import {
  NEXT_IN_BUCKET,
  NONE,
  SESSION,
  type SubscriptionRows,
  SYMBOL,
} from './subscription-rows.ts';

/** Buckets are allocated this many at a time. */
const SEGMENT_BITS = 14;
const SEGMENT_BUCKETS = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_BUCKETS - 1;

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
  readonly #rows: SubscriptionRows;
  /** First subscription by bucket. */
  readonly #heads: Int32Array[] = [];
  #buckets = 0;
  /** 2^k - 1. */
  #mask = 0;
  #size = 0;

  constructor(rows: SubscriptionRows) {
    this.#rows = rows;
    this.#addBucket();
  }

  /** The subscription of a session to a symbol, or {@link NONE}. */
  find(session: number, symbolId: number): number {
    const rows = this.#rows;
    let found = this.#head(this.#bucketOf(hash(session, symbolId)));
    while (
      found !== NONE &&
      (rows.get(found, SYMBOL) !== symbolId || rows.get(found, SESSION) !== session)
    ) {
      found = rows.get(found, NEXT_IN_BUCKET);
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
    const rows = this.#rows;
    const bucket = this.#bucketOf(this.#hashOf(subscription));
    const next = rows.get(subscription, NEXT_IN_BUCKET);
    let before = this.#head(bucket);
    if (before === subscription) {
      this.#setHead(bucket, next);
    } else {
      while (rows.get(before, NEXT_IN_BUCKET) !== subscription) {
        before = rows.get(before, NEXT_IN_BUCKET);
      }
      rows.set(before, NEXT_IN_BUCKET, next);
    }
    this.#size--;
  }

  #hashOf(subscription: number): number {
    return hash(this.#rows.get(subscription, SESSION), this.#rows.get(subscription, SYMBOL));
  }

  #bucketOf(hashed: number): number {
    const bucket = hashed & (this.#mask * 2 + 1);
    return bucket < this.#buckets ? bucket : hashed & this.#mask;
  }

  /** Adds a bucket and moves into it what belongs there: a part of one other bucket. */
  #splitBucket(): void {
    const rows = this.#rows;
    const added = this.#buckets;
    const split = added & this.#mask;
    this.#addBucket();
    let subscription = this.#head(split);
    this.#setHead(split, NONE);
    while (subscription !== NONE) {
      const next = rows.get(subscription, NEXT_IN_BUCKET);
      const isMoved = (this.#hashOf(subscription) & (this.#mask + 1)) !== 0;
      this.#push(isMoved ? added : split, subscription);
      subscription = next;
    }
    if (this.#buckets === (this.#mask + 1) * 2) this.#mask = this.#mask * 2 + 1;
  }

  #addBucket(): void {
    if (this.#buckets === this.#heads.length * SEGMENT_BUCKETS) {
      this.#heads.push(new Int32Array(SEGMENT_BUCKETS).fill(NONE));
    }
    this.#buckets++;
  }

  #push(bucket: number, subscription: number): void {
    this.#rows.set(subscription, NEXT_IN_BUCKET, this.#head(bucket));
    this.#setHead(bucket, subscription);
  }

  #head(bucket: number): number {
    return (this.#heads[bucket >>> SEGMENT_BITS] as Int32Array)[bucket & SEGMENT_MASK] as number;
  }

  #setHead(bucket: number, subscription: number): void {
    (this.#heads[bucket >>> SEGMENT_BITS] as Int32Array)[bucket & SEGMENT_MASK] = subscription;
  }
}
