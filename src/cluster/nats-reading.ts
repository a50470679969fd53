import {
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
} from '@nats-io/jetstream';
import type { GatewayLog } from '../gateway/index.ts';
import type { LogHandler, Reading } from './bus.ts';

/** Wait before a reading that ended is begun again, ms. */
const RETRY_MS = 250;
/** Messages of a reading on their way. */
const READ_AHEAD = 500;
/** A consumer that hears nothing for twice this asks again, ms. */
const IDLE_MS = 500;
const EXPIRES_MS = 2000;
/**
 * What a member that was killed left in the broker ends after this, ms; a reader that waits for
 * longer begins anew. Brokers refuse more than 1 000 consumers of a log.
 */
const KEPT_MS = 60_000;
/** In a ms. */
const NANOS = 1_000_000;

/** Reads with an ordered consumer, and another one whenever it ends. */
export class NatsReading implements Reading {
  readonly #client: JetStreamClient;
  readonly #stream: string;
  readonly #filters: readonly string[];
  readonly #handler: LogHandler;
  readonly #log: GatewayLog;
  #next: number;
  #consumer: Consumer | undefined;
  #messages: ConsumerMessages | undefined;
  #isStopped = false;

  constructor(
    client: JetStreamClient,
    stream: string,
    filters: readonly string[],
    from: number,
    handler: LogHandler,
    log: GatewayLog,
  ) {
    this.#client = client;
    this.#stream = stream;
    this.#filters = filters;
    this.#next = from;
    this.#handler = handler;
    this.#log = log;
  }

  stop(): void {
    this.#isStopped = true;
    this.#messages?.stop();
    this.#forget();
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#consume();
      } catch (error) {
        if (this.#isStopped) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.#log.warn({ log: this.#stream, reason }, 'reading a log begins again');
      }
      if (!this.#isStopped) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Has the broker end the consumer now. */
  #forget(): void {
    void this.#consumer?.delete().catch(() => undefined);
    this.#consumer = undefined;
  }

  async #consume(): Promise<void> {
    this.#forget();
    const consumer = await this.#client.consumers.get(this.#stream, {
      filter_subjects: [...this.#filters],
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#next,
      inactive_threshold: KEPT_MS,
    });
    this.#consumer = consumer;
    if (this.#isStopped) return this.stop();
    const messages = await consumer.consume({
      max_messages: READ_AHEAD,
      expires: EXPIRES_MS,
      idle_heartbeat: IDLE_MS,
    });
    this.#messages = messages;
    if (this.#isStopped) return this.stop();
    for await (const message of messages) {
      if (this.#isStopped) return;
      const { data, info, seq, subject } = message;
      // One that was delivered before.
      if (seq < this.#next) continue;
      this.#next = seq + 1;
      await this.#handler({
        subject,
        sequence: seq,
        payload: data,
        followed: info.pending,
        storedAt: Math.floor(info.timestampNanos / NANOS),
        header: (name) => message.headers?.get(name) || undefined,
      });
    }
  }
}
