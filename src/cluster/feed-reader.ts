import { isPrice, isTickTime } from '../gateway/index.ts';
import {
  BAD_MESSAGES,
  type BadMessage,
  type SentTick,
  TickMessages,
  USUAL_POINTERS,
} from '../messages/tick-messages.ts';
import { SYMBOL_LENGTH_MAX, validateSymbol, withoutSign } from '../protocol/index.ts';
import { AcceptRule, type Refused } from './accept-rule.ts';
import type { ReadMessage } from './bus.ts';
import { type ClusterNames, nameOf, shardOf } from './names.ts';

/*
 * What programs publish to `feed.<symbol>` with a NATS client. It is in the log as it was sent, so
 * it is judged by whoever folds the log, by nothing but the message as it is stored: every fold
 * comes to the same, whatever the clocks and settings of the process.
 */

/** Largest message, bytes. */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** Longest name of a publisher, UTF-16 units. */
const PUBLISHER_LENGTH_MAX = 128;
const NUMBER = /^\d{1,16}$/;
/** What bytes that are not UTF-8 are read as: two subjects would be one symbol. */
const REPLACEMENT = '\ufffd';

/** Who sent a message, and its number among those of that publisher to the symbol. */
export const FEED_HEADERS = {
  publisher: 'Tickwire-Publisher',
  sequence: 'Tickwire-Sequence',
  previous: 'Tickwire-Previous',
} as const;

/** What becomes of a message. */
export const FEED_RESULTS = [
  'taken',
  'duplicate',
  'gap',
  'headers',
  'shard',
  'symbol',
  'too_large',
  ...BAD_MESSAGES.filter((reason) => reason !== 'too_many'),
] as const;
export type FeedResult = (typeof FEED_RESULTS)[number] | BadMessage;

/** Why a tick of a message that is taken does not count. */
export const TICK_FAULTS = ['bad_price', 'bad_time'] as const;
export type TickFault = (typeof TICK_FAULTS)[number];

/** Takes the ticks of a message one by one. */
export interface FeedTicks {
  apply(price: number, time: number): void;
  refuse(fault: TickFault): void;
}

/** Reads the messages of one shard. */
export class FeedReader {
  readonly #names: ClusterNames;
  readonly #shard: number;
  readonly #maxFutureMs: number;
  readonly #messages = new TickMessages(USUAL_POINTERS);
  readonly #rule: AcceptRule;

  /** @param last of a snapshot */
  constructor(
    names: ClusterNames,
    shard: number,
    maxFutureMs: number,
    last: AcceptRule['last'] = [],
  ) {
    this.#names = names;
    this.#shard = shard;
    this.#maxFutureMs = maxFutureMs;
    this.#rule = new AcceptRule(last);
  }

  /** For a snapshot: the last message taken of each publisher and symbol. */
  get last(): AcceptRule['last'] {
    return this.#rule.last;
  }

  /**
   * Passes on the ticks of a message.
   *
   * @param begin called with the symbol of a message that is taken, before its ticks
   */
  take(message: ReadMessage, begin: (symbol: string) => FeedTicks): FeedResult {
    const { payload, storedAt, subject } = message;
    const token = this.#names.feedToken(subject);
    const symbol = symbolOf(token);
    if (symbol === undefined) return 'symbol';
    if (shardOf(symbol, this.#names.shards) !== this.#shard) return 'shard';
    // Before what is inside: the sender's next message goes on from this one, good or bad.
    const refused = this.#judge(message, token);
    if (refused !== undefined) return refused;
    if (payload.length > MESSAGE_BYTES_MAX) return 'too_large';
    const sent = { timestamp: storedAt, value: payload };
    const ticks = this.#messages.read(sent, Number.POSITIVE_INFINITY, symbol);
    if (typeof ticks === 'string') return ticks;
    const taker = begin(symbol);
    for (const tick of ticks) this.#pass(tick, storedAt, taker);
    return 'taken';
  }

  #pass({ price, time }: SentTick, storedAt: number, taker: FeedTicks): void {
    if (typeof price !== 'number' || !isPrice(price)) taker.refuse('bad_price');
    else if (!isTickTime(time, 0, storedAt + this.#maxFutureMs)) taker.refuse('bad_time');
    else taker.apply(price, withoutSign(time));
  }

  /** By the accept rule, where a message says who sent it. */
  #judge(message: ReadMessage, token: string): Refused | 'headers' | undefined {
    let sender: Sender | undefined;
    try {
      sender = senderOf(message);
    } catch {
      return 'headers';
    }
    if (sender === undefined) return undefined;
    const { previous, publisher, sequence } = sender;
    return this.#rule.take({
      publisher: `${token} ${publisher}`,
      place: { frame: sequence, part: 0 },
      previous: { frame: previous, part: 0 },
    });
  }
}

interface Sender {
  readonly publisher: string;
  readonly sequence: number;
  readonly previous: number;
}

/** @throws Error if the headers are wrong; undefined: there are none */
function senderOf(message: ReadMessage): Sender | undefined {
  const publisher = message.header(FEED_HEADERS.publisher);
  const sequence = message.header(FEED_HEADERS.sequence);
  const previous = message.header(FEED_HEADERS.previous);
  if (publisher === undefined && sequence === undefined && previous === undefined) return undefined;
  if (publisher === undefined || publisher.length > PUBLISHER_LENGTH_MAX) {
    throw new Error('no publisher, or one too long');
  }
  const sender = { publisher, sequence: numberOf(sequence), previous: numberOf(previous ?? '0') };
  if (sender.sequence <= sender.previous) throw new Error('a number below the one before');
  return sender;
}

function numberOf(text: string | undefined): number {
  const number = text !== undefined && NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Error('not a number');
  return number;
}

function symbolOf(token: string): string | undefined {
  // Three units encode a character at most.
  if (token.length > 3 * SYMBOL_LENGTH_MAX || token.includes(REPLACEMENT)) return undefined;
  const name = nameOf(token);
  return name === undefined || validateSymbol(name) !== undefined ? undefined : name;
}
