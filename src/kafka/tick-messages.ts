import { parseRfc3339 } from '../http/rfc-3339.ts';
import { decodeFrame, Op, ProtocolError, type TickBatch } from '../protocol/index.ts';
import type { ReadMessage } from './client.ts';

/** Why a message has no ticks. */
export const BAD_MESSAGES = ['empty', 'not_json', 'not_message_pack', 'shape', 'too_many'] as const;
export type BadMessage = (typeof BAD_MESSAGES)[number];

/** Where a tick's fields are in a JSON object: pointers (RFC 6901); empty: the usual members. */
export interface TickPointers {
  readonly symbolPointer: string;
  readonly pricePointer: string;
  readonly timePointer: string;
}

/** A tick as a message has it: of any type where it is bad, so that the intake refuses it. */
interface SentTick {
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

/** Reads messages: JSON, or the array of a TICKS frame in MessagePack. */
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
  read({ timestamp, value }: ReadMessage, ticksMax: number): readonly SentTick[] | BadMessage {
    if (value === null || value.length === 0) return 'empty';
    const ticks = MESSAGE_PACK_ARRAY(value[0] as number)
      ? readMessagePack(value, timestamp)
      : this.#readJson(value, timestamp);
    if (typeof ticks === 'string') return ticks;
    return ticks.length > ticksMax ? 'too_many' : ticks;
  }

  #readJson(bytes: Uint8Array, timestamp: number): readonly SentTick[] | BadMessage {
    let json: unknown;
    try {
      json = JSON.parse(utf8.decode(bytes));
    } catch {
      return 'not_json';
    }
    if (!Array.isArray(json)) return isObject(json) ? [this.#mapped(json, timestamp)] : 'shape';
    if (json.every(isObject)) return json.map((each) => this.#mapped(each, timestamp));
    return readFlat(json, timestamp);
  }

  #mapped(object: object, timestamp: number): SentTick {
    const price = valueAt(object, this.#price);
    return {
      symbol: valueAt(object, this.#symbol),
      price: typeof price === 'string' && DECIMAL.test(price) ? Number(price) : price,
      time: timeOf(valueAt(object, this.#time), timestamp),
    };
  }
}

/** Adds ticks to a batch. */
export function addTicks(batch: TickBatch, ticks: readonly SentTick[]): void {
  for (const { symbol, price, time } of ticks) {
    // A number would be an alias, and Kafka's publishers have none.
    batch.addValues(typeof symbol === 'string' ? symbol : undefined, price, time);
  }
}

function readMessagePack(bytes: Uint8Array, timestamp: number): readonly SentTick[] | BadMessage {
  try {
    const frame = decodeFrame(Buffer.concat([FRAME_START, bytes]));
    return readFlat(frame[2] as unknown[], timestamp);
  } catch (error) {
    if (error instanceof ProtocolError) return 'not_message_pack';
    throw error;
  }
}

/** Symbol, price and time of one tick after the other. */
function readFlat(values: readonly unknown[], timestamp: number): readonly SentTick[] | BadMessage {
  if (values.length % 3 !== 0) return 'shape';
  const ticks: SentTick[] = [];
  for (let i = 0; i < values.length; i += 3) {
    const time = timeOf(values[i + 2], timestamp);
    ticks.push({ symbol: values[i], price: values[i + 1], time });
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
