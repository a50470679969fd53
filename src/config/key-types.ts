import * as z from 'zod';

/** Describes a key in help and messages, besides its name and default. */
export interface KeyFacts {
  readonly description: string;
  /** The unit of the value, as a word. */
  readonly unit?: string | undefined;
  /** The accepted values, as a phrase after "expected". */
  readonly expected: string;
  /** Whether its value must never be shown. */
  readonly isSecret?: boolean;
}

/** The facts of every key of the schema. */
export const keyFacts = z.registry<KeyFacts>();

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  readonly unit?: string;
}

function described<Key extends z.ZodType>(key: Key, facts: KeyFacts): Key {
  keyFacts.add(key, facts);
  return key;
}

/** A whole number from `min` to `max`. */
export function integer(description: string, { min, max, default: value, unit }: Bounds) {
  const expected = `an integer from ${min} to ${max}`;
  const key = z.int().min(min).max(max).default(value);
  return described(key, { description, expected, unit });
}

/** A power of two from `min` to `max`. */
export function powerOfTwo(description: string, { min, max, default: value, unit }: Bounds) {
  const expected = `a power of two from ${min} to ${max}`;
  const key = z
    .int()
    .min(min)
    .max(max)
    .refine((number) => Number.isInteger(Math.log2(number)))
    .default(value);
  return described(key, { description, expected, unit });
}

/** A finite number greater than `bound`. */
export function numberAbove(
  description: string,
  { bound, default: value, unit }: { bound: number; default: number; unit: string },
) {
  const expected = `a number above ${bound}`;
  return described(z.number().gt(bound).default(value), { description, expected, unit });
}

/** A number from `min` to `max`. */
export function numberFrom(description: string, { min, max, default: value, unit }: Bounds) {
  const expected = `a number from ${min} to ${max}`;
  return described(z.number().min(min).max(max).default(value), { description, expected, unit });
}

/** One of a few words. */
export function choice<const Word extends string>(
  description: string,
  words: readonly [Word, ...Word[]],
  value: NoInfer<Word>,
) {
  const expected = `one of ${words.join(', ')}`;
  return described(z.literal(words).default(value), { description, expected });
}

/** A string that `pattern` matches; `expected` says so in words. */
export function text(
  description: string,
  { pattern, expected, default: value }: { pattern: RegExp; expected: string; default: string },
) {
  return described(z.string().regex(pattern).default(value), { description, expected });
}

/** A file name. Empty: none. */
export function path(description: string) {
  return text(description, { pattern: /^[^\0]*$/, expected: 'a path', default: '' });
}

/** A string that is never shown. Empty: none. */
export function secret(
  description: string,
  { pattern, expected }: { pattern: RegExp; expected: string },
) {
  const key = z.string().regex(pattern).default('');
  return described(key, { description, expected, isSecret: true });
}
