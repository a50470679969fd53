import { limitedAddress } from './limited-address.ts';
import { TokenBucket } from './token-bucket.ts';

/** Full buckets, which are as good as none, are thrown away when there are so many more than at the last time. */
const CLEAN_EVERY = 1024;

/** A rate limit for each address; see {@link limitedAddress}. */
export class AddressRates {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();
  #cleanAt = CLEAN_EVERY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @param now of a clock that never jumps, ms */
  tryTake(address: string, now: number): boolean {
    const key = limitedAddress(address);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#cleanAt) this.#clean(now);
      bucket = new TokenBucket(this.#perSecond, now);
      this.#buckets.set(key, bucket);
    }
    return bucket.tryTake(1, now);
  }

  /** Buckets there are. */
  get size(): number {
    return this.#buckets.size;
  }

  #clean(now: number): void {
    for (const [address, bucket] of this.#buckets) {
      if (bucket.isFull(now)) this.#buckets.delete(address);
    }
    this.#cleanAt = this.#buckets.size + CLEAN_EVERY;
  }
}
