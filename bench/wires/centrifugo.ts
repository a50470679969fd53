import { PAYLOAD_BYTES } from './records.ts';
import type {
  Market,
  Payload,
  PublisherSide,
  Receipt,
  SubscriberSide,
  Updates,
  Wire,
} from './wire.ts';

const CENTRIFUGO_PATH = '/connection/websocket';

const CONNECT_ID = 1;
const FIRST_ID_AFTER_CONNECT = 2;
const CONNECT = `{"id":${CONNECT_ID},"connect":{}}`;
/** A ping of the server, and the answer to it. */
const PING = '{}';
const PUSH = '{"push":';
const DATA = '"data":"';
/** The due time in ms with three decimals, as wide until the year 2286. */
const DUE_DECIMALS = 3;
const DUE_LENGTH = 17;
/** The payload is a JSON string: of the same size as that of others, quotation marks included. */
const FILLING = 'U'.repeat(PAYLOAD_BYTES - 2 - DUE_LENGTH);

/**
 * Centrifugo's JSON protocol: objects in text messages, several separated by line feeds. A symbol's
 * channel is its index.
 */
export const centrifugoWire: Wire = {
  publishPath: CENTRIFUGO_PATH,
  streamPath: CENTRIFUGO_PATH,
  publisher: (market) => new CentrifugoPublisher(market),
  subscriber: (_market, symbols) => new CentrifugoSubscriber(symbols),
};

/** What the server answers to a command. */
interface Reply {
  readonly id?: number;
  readonly connect?: { readonly version?: string };
  readonly subscribe?: unknown;
  readonly publish?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

class CentrifugoPublisher implements PublisherSide {
  readonly credit = Number.POSITIVE_INFINITY;
  acknowledged = 0;
  isReady = false;
  #nextId = FIRST_ID_AFTER_CONNECT;
  readonly #publishOf: readonly string[];

  constructor(market: Market) {
    this.#publishOf = market.symbols.map((_name, symbol) => `"publish":{"channel":"${symbol}"`);
  }

  opening(): Payload[] {
    return [CONNECT];
  }

  receive(payload: Payload): Payload | undefined {
    let answer: Payload | undefined;
    for (const line of linesOf(payload)) {
      if (line === PING) {
        answer = PING;
        continue;
      }
      const reply = replyIn(line);
      if (reply.connect !== undefined) this.isReady = true;
      if (reply.publish !== undefined) this.acknowledged += 1;
    }
    return answer;
  }

  encode(updates: Updates, from: number, to: number): Payload {
    let commands = '';
    for (let index = from; index < to; index += 1) {
      const publish = this.#publishOf[updates.symbols[index] ?? 0];
      const due = (updates.times[index] ?? 0).toFixed(DUE_DECIMALS).padStart(DUE_LENGTH, '0');
      commands += `{"id":${this.#nextId},${publish},${DATA}${due}${FILLING}"}}\n`;
      this.#nextId += 1;
    }
    return commands.slice(0, -1);
  }
}

class CentrifugoSubscriber implements SubscriberSide {
  readonly #symbols: readonly number[];
  #unconfirmed: number;
  #isConnected = false;

  constructor(symbols: readonly number[]) {
    this.#symbols = symbols;
    this.#unconfirmed = symbols.length;
  }

  get isReady(): boolean {
    return this.#isConnected && this.#unconfirmed === 0;
  }

  opening(): Payload[] {
    return [CONNECT];
  }

  receive(payload: Payload, receipt: Receipt): Payload | undefined {
    const answers: string[] = [];
    for (const line of linesOf(payload)) {
      if (line.startsWith(PUSH)) countPush(line, receipt);
      else if (line === PING) answers.push(PING);
      else if (this.#isFirstReply(line)) answers.push(...this.#subscriptions());
    }
    return answers.length === 0 ? undefined : answers.join('\n');
  }

  #isFirstReply(line: string): boolean {
    const reply = replyIn(line);
    if (reply.subscribe !== undefined) this.#unconfirmed -= 1;
    if (reply.connect === undefined) return false;
    this.#isConnected = true;
    return true;
  }

  #subscriptions(): string[] {
    return this.#symbols.map((symbol, index) => {
      const id = FIRST_ID_AFTER_CONNECT + index;
      return `{"id":${id},"subscribe":{"channel":"${symbol}"}}`;
    });
  }
}

function linesOf(payload: Payload): string[] {
  if (typeof payload !== 'string') throw new Error('Centrifugo sends bytes instead of JSON');
  return payload.trimEnd().split('\n');
}

/** @throws Error when it says that something went wrong */
function replyIn(line: string): Reply {
  const reply = JSON.parse(line) as Reply;
  if (reply.error !== undefined) throw new Error(`Centrifugo says ${line}`);
  return reply;
}

/** Counts publications, not other pushes (joins, …). */
function countPush(line: string, receipt: Receipt): void {
  const dataAt = line.indexOf(DATA);
  if (dataAt < 0) return;
  const dueAt = dataAt + DATA.length;
  receipt.update(1);
  receipt.dueAt(Number(line.slice(dueAt, dueAt + DUE_LENGTH)));
}
