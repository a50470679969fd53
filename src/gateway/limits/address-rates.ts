import { TokenBucket } from './token-bucket.ts';

/** Full buckets are dropped each time their number has grown by this many. */
const CLEAN_EVERY = 1024;

/** A rate limit for each address; see {@link limitedAddress}. */
export class AddressRates {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();
  #cleanAt = CLEAN_EVERY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @param now on a clock that never jumps, ms */
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

  /** Number of buckets. */
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

const GROUPS = 8;
/** The network part of an IPv6 address, half of its groups. */
const NETWORK_GROUPS = 4;

/**
 * The key of an address in limits: an IPv4 address itself, the /64 of an IPv6 address. A client
 * commonly owns a whole /64, and would escape a limit that counted its addresses separately.
 *
 * @param address as the transport reports it; empty if unknown
 */
export function limitedAddress(address: string): string {
  if (!address.includes(':')) return address;
  const [text = ''] = address.split('%');
  const [before = '', after] = text.split('::');
  const head = groupsOf(before);
  const tail = after === undefined ? [] : groupsOf(after);
  const zeros = Array.from({ length: GROUPS - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

/** Groups in their shortest form; an IPv4 address at the end counts as two. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    return group.includes('.') ? ['', ''] : [Number.parseInt(group, 16).toString(16)];
  });
}
