import type { Random } from '../../testkit/random.ts';
import { encodeAnyWay } from '../../testkit/wide-message-pack.ts';

/** A value as MessagePack, in the shortest forms or in any. */
export function encodeSomehow(random: Random, value: unknown): Buffer {
  const isPlain = random.chance(0.6);
  return encodeAnyWay(value, (count) => (isPlain ? 0 : random.below(count)));
}

/** A value as JSON; maps become objects, and binary an array of its bytes. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Map) return Object.fromEntries(inner);
    return inner instanceof Uint8Array ? [...inner] : inner;
  });
}
