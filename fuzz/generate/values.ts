import type { Random } from '../../testkit/random.ts';
import { encodeAnyWay } from '../../testkit/wide-message-pack.ts';

const TEXTS = [
  'A',
  'AB',
  'ÄÖ',
  '',
  '*',
  'A*',
  'x'.repeat(32),
  'x'.repeat(33),
  ' A',
  'a\u0000',
  '__proto__',
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  1.5,
  1e-300,
  1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 64,
  1.7e12,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

/** A text as people, and those who are up to something, name symbols. */
export function anyText(random: Random): string {
  if (random.chance(0.6)) return random.pick(TEXTS);
  const length = Math.floor(random.logUniform(1, 80));
  const limit = random.pick([0x7f, 0x7f, 0x7ff, 0xffff, 0x10ffff]);
  return String.fromCodePoint(...Array.from({ length }, () => random.below(limit)));
}

export function anyNumber(random: Random): number {
  if (random.chance(0.4)) return random.pick(NUMBERS);
  if (random.chance(0.5)) return random.below(70_000);
  return (random.float() - 0.3) * 10 ** random.between(-5, 20);
}

/** Any value that frames can hold, not deeper than `depth` containers. */
export function anyValue(random: Random, depth: number): unknown {
  const kind = random.below(depth > 0 ? 10 : 7);
  if (kind < 2) return anyNumber(random);
  if (kind < 4) return anyText(random);
  if (kind === 4) return null;
  if (kind === 5) return random.chance(0.5);
  if (kind === 6) return new Uint8Array(random.below(6));
  const items = Array.from({ length: random.below(6) }, () => anyValue(random, depth - 1));
  if (kind < 9) return items;
  return new Map(items.map((item) => [anyText(random), item]));
}

/**
 * Integers that V8's hash of integers, which has no secret, puts into one bucket of tables of up to
 * 2^15: what makes a hash table of them slow.
 */
export function collidingIntegers(count: number): number[] {
  const found: number[] = [];
  for (let high = 0; found.length < count; high++) {
    const number = integerOfHash((high << 15) >>> 0);
    // Greater ones are hashed another way.
    if (number < 2 ** 31) found.push(number);
  }
  return found;
}

/** Thomas Wang's hash of 32 bits, as V8 has it, the other way round. */
function integerOfHash(hash: number): number {
  let number = unshift(hash, 16);
  number = Math.imul(number, inverse(2057));
  number = unshift(number, 4);
  number = Math.imul(number, inverse(5));
  number = unshift(number, 12);
  return Math.imul(number + 1, inverse(2 ** 15 - 1)) >>> 0;
}

/** The number that, combined with itself shifted to the right, gives this one. */
function unshift(combined: number, bits: number): number {
  let number = combined;
  for (let known = bits; known < 32; known += bits) number = combined ^ (number >>> bits);
  return number;
}

/** What undoes the multiplication by an odd factor, modulo 2^32. */
function inverse(factor: number): number {
  let guess = factor;
  // Each step doubles the bits that are right, of which there are three at first.
  for (let bits = 3; bits < 32; bits *= 2) guess = Math.imul(guess, 2 - Math.imul(factor, guess));
  return guess;
}

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
