import { setTimeout as delay } from 'node:timers/promises';
import type { RecordBatch } from '../gateway/index.ts';
import type { RaisedRecord } from '../protocol/index.ts';
import type { KafkaMessage, KafkaProducer } from './client.ts';

/** Records in an order in which each has a position. */
export interface RecordSource<R extends RaisedRecord> {
  /** Records from a position on, as far as known. */
  waiting(position: number): number;
  /**
   * Up to `limit` from a position on; none if there are none now.
   *
   * @throws Error if they cannot be read now
   */
  from(position: number, limit: number): Promise<RecordBatch<R>>;
}

/** What a sink has counted. */
export interface SinkFigures {
  sent: number;
  lost: number;
  retries: number;
  isFailing: boolean;
}

export function noFigures(): SinkFigures {
  return { sent: 0, lost: 0, retries: 0, isFailing: false };
}

export interface KafkaLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RecordSinkOptions<R extends RaisedRecord> {
  readonly topic: string;
  readonly source: RecordSource<R>;
  /** Of the first record to be sent. */
  readonly position: number;
  readonly message: (record: R) => KafkaMessage;
  readonly producer: KafkaProducer;
  readonly log: KafkaLog;
  readonly figures: SinkFigures;
  /** Called when the position has changed. */
  readonly moved?: (() => void) | undefined;
}

const UNREADABLE = 'records for Kafka cannot be read from the store';
const LOST = 'records were removed before Kafka took them: they are lost for it';

/** Records sent together. */
const BATCH_MAX = 1000;
/** Between two looks for new records: those of this time are sent together, ms. */
const LINGER_MS = 20;
/** First and longest pause after a failure, ms. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 5000;

/**
 * A cursor over a log of records that moves once Kafka has stored them. It holds no queue: what
 * waits is in the log, on disk with a store.
 */
export class RecordSink<R extends RaisedRecord> {
  readonly figures: SinkFigures;
  readonly topic: string;
  readonly #options: RecordSinkOptions<R>;
  /** Of the first record that is not known to be stored. */
  #position: number;
  #isStopping = false;
  #isReadable = true;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(options: RecordSinkOptions<R>) {
    this.topic = options.topic;
    this.figures = options.figures;
    this.#options = options;
    this.#position = options.position;
    this.#ended = this.#run();
  }

  get position(): number {
    return this.#position;
  }

  get waiting(): number {
    return this.#options.source.waiting(this.#position);
  }

  /** Sends what waits, for at most `drainMs`; returns how many are left. */
  async stop(drainMs: number): Promise<number> {
    this.#isStopping = true;
    const timer = setTimeout(() => this.#stop.abort(), drainMs);
    await this.#ended;
    clearTimeout(timer);
    return this.waiting;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (await this.#step()) continue;
      } catch (error) {
        if (this.#isReadable)
          this.#options.log.error({ topic: this.topic, err: error }, UNREADABLE);
        this.#isReadable = false;
        await this.#pause(RETRY_MS_MAX);
      }
      if (this.#isStopping && this.waiting === 0) return;
      await this.#pause(LINGER_MS);
    }
  }

  /** Sends the next records; false if there are none. */
  async #step(): Promise<boolean> {
    const { log, message, moved, source } = this.#options;
    if (this.waiting === 0) return false;
    const { end, lost, records } = await source.from(this.#position, BATCH_MAX);
    this.#isReadable = true;
    if (end === this.#position) return false;
    if (lost > 0) {
      this.figures.lost += lost;
      log.error({ topic: this.topic, records: lost }, LOST);
    }
    if (!(await this.#sendAll(records.map(message)))) return false;
    this.figures.sent += records.length;
    this.#position = end;
    moved?.();
    return true;
  }

  /** Sends messages, those of a partition in their order; false if it was told to stop. */
  async #sendAll(messages: readonly KafkaMessage[]): Promise<boolean> {
    const { producer } = this.#options;
    const lanes = new Map<number, KafkaMessage[]>();
    for (const message of messages) {
      const partition = await this.#untilDone(() => producer.partitionOf(this.topic, message.key));
      if (partition === undefined) return false;
      const lane = lanes.get(partition);
      if (lane === undefined) lanes.set(partition, [message]);
      else lane.push(message);
    }
    const sent = await Promise.all(
      [...lanes].map(([partition, lane]) =>
        this.#untilDone(async () => {
          await producer.send(this.topic, partition, lane);
          return true;
        }),
      ),
    );
    return sent.every((isSent) => isSent === true);
  }

  /** Tries until it succeeds; undefined if it was told to stop before. */
  async #untilDone<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    const { log } = this.#options;
    const { topic } = this;
    for (let pause = RETRY_MS; !this.#stop.signal.aborted; pause *= 2) {
      try {
        const result = await attempt();
        if (this.figures.isFailing) log.info({ topic }, 'Kafka takes records again');
        this.figures.isFailing = false;
        return result;
      } catch (error) {
        this.figures.retries++;
        if (!this.figures.isFailing) {
          log.warn({ topic, err: error }, 'Kafka does not take records: they wait for it');
        }
        this.figures.isFailing = true;
        await this.#pause(Math.min(pause, RETRY_MS_MAX));
      }
    }
    return undefined;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
