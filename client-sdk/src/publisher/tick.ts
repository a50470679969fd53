import { validateSymbol } from '../../../src/protocol/index.ts';
import { fault } from '../value-checks.ts';

/** A price of a symbol at a time. */
export interface Tick {
  /**
   * 1 to 32 characters (Unicode code points): no control characters, no white space at either end,
   * no `*`.
   */
  readonly symbol: string;
  /** A finite number above 0. */
  readonly price: number;
  /**
   * Ms since the Unix epoch, 0 or more, fractions allowed; absent: the time of arrival at the
   * server. The server rejects times more than a minute ahead of its clock.
   */
  readonly time?: number | undefined;
}

const SYMBOL = 'a string of 1 to 32 characters';
const PRICE = 'a finite number above 0';
const TIME = 'a finite number of ms since the Unix epoch, 0 or more, or undefined';

/**
 * @param field the caller's name for the value
 * @throws TypeError if it is not a string, RangeError if it is not a valid symbol
 */
export function checkSymbol(symbol: unknown, field: string): void {
  if (typeof symbol !== 'string') throw new TypeError(fault(field, SYMBOL, symbol));
  const broken = validateSymbol(symbol);
  if (broken !== undefined)
    throw new RangeError(`${fault(field, SYMBOL, symbol)}, which ${broken}`);
}

/** @throws TypeError if it is not a number, RangeError if it is not a price */
export function checkPrice(price: unknown, field: string): void {
  if (typeof price === 'number' && price > 0 && price < Number.POSITIVE_INFINITY) return;
  const Fault = typeof price === 'number' ? RangeError : TypeError;
  throw new Fault(fault(field, PRICE, price));
}

/** @throws TypeError if it is neither a number nor undefined, RangeError if it is not a time */
export function checkTime(time: unknown, field: string): void {
  if (time === undefined) return;
  if (typeof time === 'number' && time >= 0 && time < Number.POSITIVE_INFINITY) return;
  const Fault = typeof time === 'number' ? RangeError : TypeError;
  throw new Fault(fault(field, TIME, time));
}

/** Ticks in columns: row i of each column is one tick. */
export interface TickColumns {
  /** Aliases from `Publisher.alias`. */
  readonly aliases: Uint32Array;
  /** Finite numbers above 0; the server rejects others. */
  readonly prices: Float64Array;
  /** Ms since the Unix epoch; NaN: the time of arrival at the server. */
  readonly times: Float64Array;
}
