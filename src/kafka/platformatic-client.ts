import { readFileSync } from 'node:fs';
import { defaultPartitioner, Producer } from '@platformatic/kafka';
import type { KafkaConnection, KafkaMessage, KafkaProducer } from './client.ts';

/** Time for a broker to answer, ms. */
const REQUEST_MS = 10_000;

/** Errors after which a producer is not known to the brokers as they see it. */
const FORGOTTEN = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'];

/** A producer whose repeated messages the brokers recognise. */
export class PlatformaticProducer implements KafkaProducer {
  readonly #connection: KafkaConnection;
  #producer: Producer;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
    this.#producer = createProducer(connection);
  }

  async partitionOf(topic: string, key: string): Promise<number> {
    const metadata = await this.#producer.metadata({ topics: [topic] });
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    if (count === 0) throw new Error(`the topic ${topic} has no partitions`);
    // The library's hash is unsigned; Java's clients drop the sign.
    const message = { topic };
    return (defaultPartitioner(message, Buffer.from(key)) & 0x7fff_ffff) % count;
  }

  async send(topic: string, partition: number, messages: readonly KafkaMessage[]): Promise<void> {
    try {
      await this.#producer.send({
        messages: messages.map(({ key, value }) => ({
          topic,
          partition,
          key: Buffer.from(key),
          value: Buffer.from(value),
        })),
      });
    } catch (error) {
      // What waits is sent again by another one.
      if (FORGOTTEN.some((id) => hasCause(error, id))) await this.#replace();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  async #replace(): Promise<void> {
    const forgotten = this.#producer;
    this.#producer = createProducer(this.#connection);
    await forgotten.close();
  }
}

function createProducer(connection: KafkaConnection): Producer {
  // Its own repetitions would wait in order; the sink repeats, and says so.
  return new Producer({ ...optionsOf(connection), idempotent: true, retries: 2, retryDelay: 100 });
}

function optionsOf({ brokers, clientId, sasl, tlsCa }: KafkaConnection) {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    requestTimeout: REQUEST_MS,
    ...(sasl && { sasl }),
    ...(tlsCa !== undefined && { tls: tlsCa === '' ? {} : { ca: readFileSync(tlsCa) } }),
  };
}

/** Whether an error, or one of its causes, is the broker's error of this name. */
function hasCause(error: unknown, id: string): boolean {
  if (!(error instanceof Error)) return false;
  if ('apiId' in error && error.apiId === id) return true;
  if (error instanceof AggregateError && error.errors.some((each) => hasCause(each, id))) {
    return true;
  }
  return hasCause(error.cause, id);
}
