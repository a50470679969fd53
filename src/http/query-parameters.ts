import { RequestProblem, shownValue } from './problems.ts';
import { parseRfc3339 } from './rfc-3339.ts';
import type { RequestFault } from './schemas.ts';

const DIGITS = /^\d{1,16}$/;

/** Page sizes of lists: default and maximum. */
export const LIMIT_DEFAULT = 100;
export const LIMIT_MAX = 1000;

/** Faults that are named in a problem. */
const FAULTS_NAMED_MAX = 16;

/**
 * Refuses a query with parameters that its path does not have: one that is misspelt would give a
 * wrong answer.
 *
 * @throws RequestProblem 400 naming them
 */
export function refuseUnknown(query: URLSearchParams, known: readonly string[]): void {
  const unknown = new Set([...query.keys()].filter((name) => !known.includes(name)));
  if (unknown.size === 0) return;
  const expected = known.length === 0 ? 'no parameters' : `one of ${known.join(', ')}`;
  const named = [...unknown].slice(0, FAULTS_NAMED_MAX);
  const errors = named.map((name) => ({ name, expected, got: shownValue(name) }));
  const list = errors.map(({ got }) => got).join(', ');
  throw new RequestProblem(400, `Unknown query parameters: ${list}; expected ${expected}.`, {
    errors,
  });
}

/**
 * Reads the query of a request, whose names are known. {@link check} refuses the request with every
 * fault of the parameters that were read.
 */
export class QueryParameters {
  readonly #query: URLSearchParams;
  readonly #faults: RequestFault[] = [];

  constructor(query: URLSearchParams) {
    this.#query = query;
  }

  /** An integer from `min` to `max`; undefined if absent or invalid. */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = DIGITS.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.#fault(name, `an integer from ${min} to ${max}`, shownValue(text));
    return undefined;
  }

  /** `true` or `false`; undefined if absent or invalid. */
  flag(name: string): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (text !== 'true' && text !== 'false') this.#fault(name, 'true or false', shownValue(text));
    return text === 'true';
  }

  /** Any text; undefined if absent or repeated. */
  text(name: string): string | undefined {
    const values = this.#query.getAll(name);
    if (values.length <= 1) return values[0];
    this.#fault(name, 'one value', `${values.length} values`);
    return undefined;
  }

  /** All values of a parameter that may be repeated. */
  texts(name: string): readonly string[] {
    return this.#query.getAll(name);
  }

  /** The page size. */
  limit(fallback = LIMIT_DEFAULT): number {
    return this.integer('limit', 1, LIMIT_MAX) ?? fallback;
  }

  /** An anomaly's sequence, or 0 for "before the first"; undefined if absent or invalid. */
  sequence(name: string): number | undefined {
    return this.integer(name, 0, Number.MAX_SAFE_INTEGER);
  }

  /**
   * A time, given in ms since the epoch or as RFC 3339, in ms since the epoch; undefined if absent
   * or invalid.
   */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const time = DIGITS.test(text) ? Number(text) : parseRfc3339(text);
    if (time !== undefined && time >= 0) return time;
    this.#fault(name, 'milliseconds since the epoch or RFC 3339', shownValue(text));
    return undefined;
  }

  /** Records a fault found by the caller. */
  refuse(name: string, expected: string, got: string): void {
    this.#fault(name, expected, shownValue(got));
  }

  /** @throws RequestProblem 400 if any parameter read so far was invalid */
  check(): void {
    if (this.#faults.length === 0) return;
    const names = [...new Set(this.#faults.map(({ name }) => name))].join(', ');
    throw new RequestProblem(400, `Bad query parameters: ${names}.`, { errors: this.#faults });
  }

  #fault(name: string, expected: string, got: string): void {
    if (this.#faults.length < FAULTS_NAMED_MAX) this.#faults.push({ name, expected, got });
  }
}
