import type { RuleFault } from './rule-types.ts';

const SHOWN_LENGTH_MAX = 60;

/** The members of a JSON object, read one by one. Faults are collected, so that all are named. */
export class JsonFields {
  readonly where: string;
  readonly faults: RuleFault[];
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #left: Set<string>;

  /** @param value not an object: a fault, and no members */
  constructor(where: string, value: unknown, faults: RuleFault[]) {
    this.where = where;
    this.faults = faults;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) this.faults.push({ where, expected: 'an object', got: showJson(value) });
    this.#members = isObject ? (value as Record<string, unknown>) : {};
    this.#left = new Set(Object.keys(this.#members));
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#members, key);
  }

  at(key: string): string {
    return this.where === '' ? key : `${this.where}.${key}`;
  }

  /** A member that may be anything. */
  raw(key: string): unknown {
    this.#left.delete(key);
    return this.has(key) ? this.#members[key] : undefined;
  }

  /** @returns undefined, with a fault, for a value that `parse` gives undefined for */
  read<Value>(
    key: string,
    expected: string,
    parse: (value: unknown) => Value | undefined,
  ): Value | undefined {
    const value = this.raw(key);
    if (!this.has(key)) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) this.fault(key, expected, showJson(value));
    return parsed;
  }

  /** As {@link read}; its absence is a fault, too. */
  need<Value>(
    key: string,
    expected: string,
    parse: (value: unknown) => Value | undefined,
  ): Value | undefined {
    if (!this.has(key)) this.fault(key, expected, 'nothing');
    return this.read(key, expected, parse);
  }

  fault(key: string, expected: string, got: string): void {
    this.faults.push({ where: this.at(key), expected, got });
  }

  /** Names the members that nothing has read. */
  end(known: readonly string[]): void {
    const expected = `one of ${known.join(', ')}`;
    for (const key of this.#left) this.fault(key, expected, 'an unknown key');
  }
}

/** A value for a message: as JSON, truncated. */
export function showJson(value: unknown): string {
  const text = value === undefined ? 'nothing' : shorten(value);
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}

function shorten(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // Nested too deeply.
    return Array.isArray(value) ? 'an array' : 'an object';
  }
}

export const numberBetween =
  (from: number, to = Number.POSITIVE_INFINITY) =>
  (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isFinite(value) && value >= from && value <= to
      ? value
      : undefined;

export const numberAbove =
  (bound: number, to = Number.POSITIVE_INFINITY) =>
  (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isFinite(value) && value > bound && value <= to
      ? value
      : undefined;

export const integerBetween =
  (from: number, to: number) =>
  (value: unknown): number | undefined =>
    Number.isInteger(value) ? numberBetween(from, to)(value) : undefined;

export function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

export const matching =
  (pattern: RegExp) =>
  (value: unknown): string | undefined =>
    typeof value === 'string' && pattern.test(value) ? value : undefined;

export const oneOf =
  <Value extends string>(values: readonly Value[]) =>
  (value: unknown): Value | undefined =>
    values.find((allowed) => allowed === value);
