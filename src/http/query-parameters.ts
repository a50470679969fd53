import { RequestProblem, shownValue } from './problems.ts';
import { parseRfc3339 } from './rfc-3339.ts';
import type { RequestFault } from './schemas.ts';

const DIGITS = /^\d{1,16}$/;

/** Page sizes of lists: default and maximum. */
export const LIMIT_DEFAULT = 100;
export const LIMIT_MAX = 1000;

/**
 * Reads the query of a request. Unknown names are ignored; {@link check} refuses the request with
 * every fault of the parameters that were read.
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

  /** Any text; undefined if absent or repeated. */
  text(name: string): string | undefined {
    const values = this.#query.getAll(name);
    if (values.length <= 1) return values[0];
    this.#fault(name, 'one value', `${values.length} values`);
    return undefined;
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
  refuse(name: string, expected: string): void {
    this.#fault(name, expected, shownValue(this.text(name) ?? ''));
  }

  /** @throws RequestProblem 400 if any parameter read so far was invalid */
  check(): void {
    if (this.#faults.length === 0) return;
    const names = this.#faults.map(({ name }) => name).join(', ');
    throw new RequestProblem(400, `Bad query parameters: ${names}.`, { errors: this.#faults });
  }

  #fault(name: string, expected: string, got: string): void {
    this.#faults.push({ name, expected, got });
  }
}
