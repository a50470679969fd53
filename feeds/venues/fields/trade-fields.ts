import type { Trade, VenueEvent } from '../../venue.ts';
import { type Events, type Fields, IGNORED, malformed } from './json-message.ts';
import { parseRfc3339Time } from './rfc-3339-time.ts';

/** Ids of up to so many digits are exact as numbers. */
const EXACT_DIGITS = 15;
/** No venue has longer ones; conversion to a bigint takes quadratic time. */
const ID_DIGITS_MAX = 40;

const DECIMAL = /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DIGITS = /^\d+$/;

/**
 * A price, from text where the venue has text: `"3651.30"` is its own, a number may have been
 * through a sum.
 *
 * @returns a finite number above zero; undefined for all else, `"0x10"` and `" 1"` included
 */
export function priceOf(value: unknown): number | undefined {
  const price =
    typeof value === 'string' && DECIMAL.test(value) ? Number(value) : (value as number);
  return typeof price === 'number' && price > 0 && price < Number.POSITIVE_INFINITY
    ? price
    : undefined;
}

/** A time that the venue counts in ms since the epoch, as a number or its text. */
export function msOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' && DECIMAL.test(value) ? finite(Number(value)) : undefined;
}

/** A time that the venue counts in µs since the epoch, as a number or its text; in ms. */
export function microsecondsOf(value: unknown): number | undefined {
  const microseconds = msOf(value);
  return microseconds === undefined ? undefined : microseconds / 1000;
}

/** A time that the venue counts in seconds since the epoch, as text with a fraction; in ms. */
export function secondsOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !DECIMAL.test(value)) return undefined;
  // The point moved in the text: a product would round once more.
  return finite(Number(`${value}e3`));
}

/** A time as RFC 3339 text; in ms. */
export function rfc3339Of(value: unknown): number | undefined {
  return typeof value === 'string' ? parseRfc3339Time(value) : undefined;
}

/** An id that counts, as a number or its digits, exact whatever its length. */
export function countingIdOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string' || value.length > ID_DIGITS_MAX || !DIGITS.test(value))
    return undefined;
  if (value.length <= EXACT_DIGITS) return Number(value);
  const id = BigInt(value);
  return id <= Number.MAX_SAFE_INTEGER ? Number(id) : id;
}

/** An id of any kind: a number that counts, its digits, a UUID. */
export function idOf(value: unknown): string | number | bigint | undefined {
  return countingIdOf(value) ?? (typeof value === 'string' && value !== '' ? value : undefined);
}

/** A symbol as the venue writes it; undefined if there is none. */
export function symbolOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The fields of a trade once read; undefined where the message's is missing or invalid. */
export interface TradeFields {
  readonly symbol: string | undefined;
  /** Null where the venue has none. */
  readonly id: string | number | bigint | null | undefined;
  readonly price: number | undefined;
  readonly time: number | undefined;
  /** See `Trade`. */
  readonly ids?: number;
  /** See `Trade`. An excluded trade needs no price. */
  readonly excluded?: boolean;
}

/**
 * Reads the trades of a message: those that are whole become one `trades` event, and one
 * `malformed` event names what the first of the others lacks.
 *
 * @param entries what the message has for its list of trades
 * @param read the fields of one of them
 */
export function readTrades(entries: unknown, read: (entry: Fields) => TradeFields): Events {
  if (!Array.isArray(entries)) return malformed('trades: no list');
  const trades: Trade[] = [];
  let fault: string | undefined;
  for (const entry of entries as readonly unknown[]) {
    const trade = typeof entry === 'object' && entry !== null ? toTrade(read(entry as Fields)) : '';
    if (typeof trade === 'object') trades.push(trade);
    else fault ??= `trade: bad ${trade}`.trimEnd();
  }
  if (fault === undefined) return trades.length > 0 ? [{ kind: 'trades', trades }] : IGNORED;
  const faults = malformed(fault);
  return trades.length > 0 ? [{ kind: 'trades', trades } satisfies VenueEvent, ...faults] : faults;
}

/**
 * Reads a message that is a list of trades and other events.
 *
 * @param others what an item that is no trade says
 */
export function readMixedList(
  value: unknown,
  isTrade: (item: unknown) => boolean,
  read: (entry: Fields) => TradeFields,
  others: (item: unknown) => Events,
): Events {
  if (!Array.isArray(value)) return malformed('no list');
  const items: readonly unknown[] = value;
  const trades = items.filter(isTrade);
  if (trades.length === items.length) return readTrades(trades, read);
  const events = items.filter((item) => !isTrade(item)).flatMap(others);
  return trades.length > 0 ? [...readTrades(trades, read), ...events] : events;
}

/** The trade, or the name of a field that it lacks. */
function toTrade(fields: TradeFields): Trade | keyof TradeFields {
  const { symbol, time, ids, excluded = false } = fields;
  const price = fields.price ?? (excluded ? Number.NaN : undefined);
  if (symbol === undefined) return 'symbol';
  if (fields.id === undefined) return 'id';
  if (price === undefined) return 'price';
  if (time === undefined) return 'time';
  const id = fields.id ?? undefined;
  if (excluded) return { symbol, id, price, time, excluded };
  return ids === undefined ? { symbol, id, price, time } : { symbol, id, price, time, ids };
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
