import {
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nuid,
} from '@nats-io/transport-node';
import type { Expectation, Message } from './bus.ts';

/** An append whose answer does not come for so long has failed, ms. */
const ANSWER_MS = 5000;
const SWEEP_MS = 250;
/** A log takes 50 batches at a time, of all processes. */
const BATCHES_MAX = 8;

const decoder = new TextDecoder();

/** An append that waits for its answer. */
interface PendingAppend {
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
}

/** The answer to an append. */
interface AppendAnswer {
  readonly seq?: number;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/**
 * Appends to logs of NATS, and what became of them. One subscription has all answers: the client's
 * own way costs six times as much each.
 */
export class NatsAppends {
  /** Whether appends are sent, instead of being refused at once. */
  isConnected = true;
  readonly #connection: NatsConnection;
  /** By the last part of their reply subject, oldest first. */
  readonly #pending = new Map<string, PendingAppend>();
  readonly #inbox = `_INBOX.${nuid.next()}`;
  readonly #batchesUnderWay = new Set<Promise<unknown>>();
  #number = 0;
  readonly #sweep: NodeJS.Timeout;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message);
      },
    });
    this.#sweep = setInterval(() => this.#expire(performance.now()), SWEEP_MS).unref();
  }

  /** See {@link Bus.append}. */
  append(message: Message, expected?: Expectation): Promise<number> {
    return this.#send(message, expected && expectation(expected, message));
  }

  /** See {@link Bus.appendAll}. */
  async appendAll(messages: readonly Message[], expected?: Expectation): Promise<number> {
    const [first] = messages;
    if (first === undefined) throw new RangeError('a batch without messages');
    if (messages.length === 1) return this.append(first, expected);
    while (this.#batchesUnderWay.size >= BATCHES_MAX) await Promise.race(this.#batchesUnderWay);
    const answer = this.#sendBatch(messages, expected);
    const underWay = answer.catch(() => undefined);
    this.#batchesUnderWay.add(underWay);
    void underWay.then(() => this.#batchesUnderWay.delete(underWay));
    return answer;
  }

  /** What is on its way may be lost: no answer will say so. */
  disconnected(): void {
    this.isConnected = false;
    this.#expire(Number.POSITIVE_INFINITY);
  }

  reconnected(): void {
    this.isConnected = true;
  }

  /** For good. */
  stop(): void {
    clearInterval(this.#sweep);
    this.disconnected();
  }

  #sendBatch(messages: readonly Message[], expected: Expectation | undefined): Promise<number> {
    const batch = nuid.next();
    let answer: Promise<number> | undefined;
    for (const [index, message] of messages.entries()) {
      const isFirst = index === 0 && expected !== undefined;
      const head = isFirst ? expectation(expected, message) : headers();
      head.set('Nats-Batch-Id', batch);
      head.set('Nats-Batch-Sequence', String(index + 1));
      if (index === messages.length - 1) {
        head.set('Nats-Batch-Commit', '1');
        answer = this.#send(message, head);
      } else {
        this.#connection.publish(message.subject, message.payload, { headers: head });
      }
    }
    return answer as Promise<number>;
  }

  #send(message: Message, head: MsgHdrs | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!this.isConnected) {
        reject(new Error('there is no connection to the broker'));
        return;
      }
      const number = (++this.#number).toString(36);
      this.#pending.set(number, { resolve, reject, deadline: performance.now() + ANSWER_MS });
      const reply = `${this.#inbox}.${number}`;
      const options = head === undefined ? { reply } : { reply, headers: head };
      this.#connection.publish(message.subject, message.payload, options);
    });
  }

  #answered({ data, subject }: Msg): void {
    const number = subject.slice(this.#inbox.length + 1);
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#pending.delete(number);
    if (data.length === 0) {
      pending.reject(new Error('no server keeps the log now'));
      return;
    }
    const { error, seq } = JSON.parse(decoder.decode(data)) as AppendAnswer;
    if (seq !== undefined && error === undefined) pending.resolve(seq);
    else pending.reject(new Error(`${error?.description} (${error?.err_code})`));
  }

  /** Appends without an answer by a time have failed, as far as known. */
  #expire(now: number): void {
    for (const [number, { deadline, reject }] of this.#pending) {
      if (deadline > now) return;
      this.#pending.delete(number);
      reject(new Error('the broker did not answer in time'));
    }
  }
}

function expectation({ filter, sequence }: Expectation, { subject }: Message): MsgHdrs {
  const head = headers();
  head.set('Nats-Expected-Last-Subject-Sequence', String(sequence));
  // Without it, the broker looks at the message's own subject.
  if (filter !== subject) head.set('Nats-Expected-Last-Subject-Sequence-Subject', filter);
  return head;
}
