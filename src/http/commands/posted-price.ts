import {
  earliestTime,
  isPrice,
  isTickTime,
  type TickTimeLimits,
} from '../../gateway/ingest/tick-intake.ts';
import { validateSymbol } from '../../protocol/index.ts';
import { shownValue } from '../problems.ts';
import { parseRfc3339 } from '../rfc-3339.ts';
import type { FieldFault } from '../schemas.ts';

/** A posted price after validation. Invalid fields have no value. */
export interface PostedPrice {
  readonly symbol: string | undefined;
  /** NaN if invalid. */
  readonly price: number;
  /** Ms since the epoch; NaN if invalid. */
  readonly time: number;
  readonly faults: readonly FieldFault[];
}

const SYMBOL_EXPECTED =
  '1 to 32 characters, no "*", no control characters, no white space at either end';

/**
 * Validates all fields of one object of a body, so that the client learns every fault. Ignores
 * unknown members.
 *
 * @param now the server's clock, ms since the epoch: the time of a price without one
 * @param limits how far a time may be from it
 */
export function readPostedPrice(posted: object, now: number, limits: TickTimeLimits): PostedPrice {
  const members = posted as Readonly<Record<string, unknown>>;
  const { symbol, price, timestamp } = members;
  const faults: FieldFault[] = [];
  const fault = (field: string, code: FieldFault['code'], expected: string) => {
    faults.push({ field, code, expected, got: shownValue(members[field]) });
  };
  const isSymbolGood = typeof symbol === 'string' && validateSymbol(symbol) === undefined;
  const isPriceGood = typeof price === 'number' && isPrice(price);
  const time = readTime(timestamp, now);
  const isTimeGood = isTickTime(time, earliestTime(now, limits), now + limits.maxFutureMs);
  if (!isSymbolGood) fault('symbol', 'bad_symbol', SYMBOL_EXPECTED);
  if (!isPriceGood) fault('price', 'bad_price', 'a finite number above 0');
  if (!isTimeGood) fault('timestamp', 'bad_time', timeExpected(limits));
  return {
    symbol: isSymbolGood ? symbol : undefined,
    price: isPriceGood ? price : Number.NaN,
    time: isTimeGood ? time : Number.NaN,
    faults,
  };
}

/**
 * The fault of a valid price whose new symbol exceeds a limit.
 *
 * @param limit names it with its value and key
 */
export function symbolLimitFault(symbol: string | undefined, limit: string): FieldFault {
  const expected = `an existing symbol: ${limit}`;
  return { field: 'symbol', code: 'symbol_limit', expected, got: shownValue(symbol) };
}

/** The fault of a valid price whose symbol the token does not cover. */
export function forbiddenFault(symbol: string | undefined): FieldFault {
  const expected = 'a symbol that the token allows you to publish';
  return { field: 'symbol', code: 'forbidden', expected, got: shownValue(symbol) };
}

/** The fault of a valid price that a full queue dropped. */
export function droppedFault(symbol: string | undefined): FieldFault {
  const expected = 'space in the queue of its partition';
  return { field: 'symbol', code: 'backpressure', expected, got: shownValue(symbol) };
}

function readTime(timestamp: unknown, now: number): number {
  if (timestamp === undefined || timestamp === null) return now;
  if (typeof timestamp === 'number') return timestamp;
  return typeof timestamp === 'string' ? (parseRfc3339(timestamp) ?? Number.NaN) : Number.NaN;
}

function timeExpected({ maxFutureMs, maxPastMs }: TickTimeLimits): string {
  const format = 'milliseconds since the epoch or RFC 3339 text';
  const from = maxPastMs === 0 ? 'from 1970 on' : `at most ${maxPastMs} ms behind`;
  return `${format}, ${from}, at most ${maxFutureMs} ms ahead of the server's clock`;
}
