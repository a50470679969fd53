import { parseRfc3339 } from '../http/rfc-3339.ts';
import { decodeFrame, Op, ProtocolError } from '../protocol/index.ts';

/** Why a message has no ticks. */
export const BAD_MESSAGES = ['empty', 'not_json', 'not_message_pack', 'shape', 'too_many'] as const;
export type BadMessage = (typeof BAD_MESSAGES)[number];

/** Where a tick's fields are in a JSON object: pointers (RFC 6901); empty: the usual members. */
export interface TickPointers {
  readonly symbolPointer: string;
  readonly pricePointer: string;
  readonly timePointer: string;
}

/** A message, and its own time, ms since the epoch. */
export interface SentMessage {
  readonly timestamp: number;
  readonly value: Uint8Array | null;
}

/** A tick as a message has it: of any type where it is bad, so that it is refused. */
export interface SentTick {
  readonly symbol: unknown;
  readonly price: unknown;
  readonly time: number;
}

const MESSAGE_PACK_ARRAY = /** fixarray, array16, array32 */ (tag: number) =>
  (tag & 0xf0) === 0x90 || tag === 0xdc || tag === 0xdd;
/** A TICKS frame up to its array. */
const FRAME_START = Uint8Array.of(0x93, Op.TICKS, 0);
const DECIMAL = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Where `/api/prices` has them. */
export const USUAL_POINTERS: TickPointers = {
  symbolPointer: '',
  pricePointer: '',
  timePointer: '',
};

/**
 * Reads messages of other systems: JSON, or the array of a TICKS frame in MessagePack. Where the
 * symbol is known from elsewhere, objects need not have it and arrays must not: they are prices and
 * times in turn.
 */
export class TickMessages {
  readonly #symbol: readonly string[];
  readonly #price: readonly string[];
  readonly #time: readonly string[];

  constructor({ symbolPointer, pricePointer, timePointer }: TickPointers) {
    this.#symbol = pathOf(symbolPointer || '/symbol');
    this.#price = pathOf(pricePointer || '/price');
    this.#time = pathOf(timePointer || '/timestamp');
  }

  /** The ticks of a message, or why it has none. */
  read(
    { timestamp, value }: SentMessage,
    ticksMax: number,
    symbol?: string,
  ): readonly SentTick[] | BadMessage {
    if (value === null || value.length === 0) return 'empty';
    const ticks = MESSAGE_PACK_ARRAY(value[0] as number)
      ? readMessagePack(value, timestamp, symbol)
      : this.#readJson(value, timestamp, symbol);
    if (typeof ticks === 'string') return ticks;
    return ticks.length > ticksMax ? 'too_many' : ticks;
  }

  #readJson(
    bytes: Uint8Array,
    timestamp: number,
    symbol: string | undefined,
  ): readonly SentTick[] | BadMessage {
    let json: unknown;
    try {
      json = JSON.parse(utf8.decode(bytes));
    } catch {
      return 'not_json';
    }
    const map = (each: object) => this.#mapped(each, timestamp, symbol);
    if (!Array.isArray(json)) return isObject(json) ? [map(json)] : 'shape';
    return json.every(isObject) ? json.map(map) : readFlat(json, timestamp, symbol);
  }

  #mapped(object: object, timestamp: number, symbol: string | undefined): SentTick {
    const price = valueAt(object, this.#price);
    return {
      symbol: symbol ?? valueAt(object, this.#symbol),
      price: typeof price === 'string' && DECIMAL.test(price) ? Number(price) : price,
      time: timeOf(valueAt(object, this.#time), timestamp),
    };
  }
}

function readMessagePack(
  bytes: Uint8Array,
  timestamp: number,
  symbol: string | undefined,
): readonly SentTick[] | BadMessage {
  try {
    const frame = decodeFrame(Buffer.concat([FRAME_START, bytes]));
    return readFlat(frame[2] as unknown[], timestamp, symbol);
  } catch (error) {
    if (error instanceof ProtocolError) return 'not_message_pack';
    throw error;
  }
}

/** Symbol, unless it is known, price and time of one tick after the other. */
function readFlat(
  values: readonly unknown[],
  timestamp: number,
  symbol: string | undefined,
): readonly SentTick[] | BadMessage {
  const fields = symbol === undefined ? 3 : 2;
  if (values.length % fields !== 0) return 'shape';
  const ticks: SentTick[] = [];
  for (let end = fields; end <= values.length; end += fields) {
    ticks.push({
      symbol: symbol ?? values[end - 3],
      price: values[end - 2],
      time: timeOf(values[end - 1], timestamp),
    });
  }
  return ticks;
}

/** Ms since the epoch, or RFC 3339; a message's own time where there is none. */
function timeOf(time: unknown, timestamp: number): number {
  if (time === undefined || time === null) return timestamp;
  if (typeof time === 'number') return time;
  if (typeof time !== 'string') return Number.NaN;
  return DECIMAL.test(time) ? Number(time) : (parseRfc3339(time) ?? Number.NaN);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(pointer: string): readonly string[] {
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(object: object, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}
