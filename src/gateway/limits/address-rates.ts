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

const GROUPS = 8;
/** Half of an IPv6 address: the network, of which one client commonly has all addresses. */
const NETWORK_GROUPS = 4;

/**
 * What limits for each address go by: an IPv4 address itself, and of an IPv6 address its /64. Whoever has one address of a
 * /64 commonly has them all, and would never run into a limit that counted them one by one.
 *
 * @param address as a transport tells it; empty where it is not known
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

/** Groups as they are written shortest; an IPv4 address at the end stands for two. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    return group.includes('.') ? ['', ''] : [Number.parseInt(group, 16).toString(16)];
  });
}
