import { readFileSync } from 'node:fs';
import { Consumer, defaultPartitioner, Producer } from '@platformatic/kafka';
import type {
  KafkaConnection,
  KafkaMessage,
  KafkaProducer,
  KafkaReader,
  PartitionOffset,
  ReadMessage,
  ReadPartition,
  TopicPartition,
} from './client.ts';

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

/** Longest wait of a broker that has nothing new. */
const WAIT_MS = 250;
/** Bytes of an answer: the thread that reads it also serves clients. */
const PARTITION_BYTES_MAX = 262_144;
const BYTES_MAX = 4 * PARTITION_BYTES_MAX;

/** Error codes of a partition in an answer. */
const OFFSET_OUT_OF_RANGE = 1;
/** Bit of a batch that has a marker of a transaction. */
const CONTROL = 0x20;

const EARLIEST = -2n;
const LATEST = -1n;

/** Reads partitions without a consumer group: who reads what is not Kafka's concern. */
export class PlatformaticReader implements KafkaReader {
  readonly #consumer: Consumer;

  constructor(connection: KafkaConnection) {
    // The group is never joined. The source repeats what fails.
    const groupId = connection.clientId;
    this.#consumer = new Consumer({ ...optionsOf(connection), groupId, retries: 0 });
  }

  async leaders(topics: readonly string[]): Promise<ReadonlyMap<number, TopicPartition[]>> {
    const metadata = await this.#consumer.metadata({ topics: [...topics], forceUpdate: true });
    const byLeader = new Map<number, TopicPartition[]>();
    for (const topic of topics) {
      for (const [partition, { leader }] of metadata.topics.get(topic)?.partitions.entries() ??
        []) {
        const led = byLeader.get(leader) ?? [];
        led.push({ topic, partition });
        byLeader.set(leader, led);
      }
    }
    return byLeader;
  }

  async range(topic: string, partition: number): Promise<{ first: number; end: number }> {
    const offset = async (timestamp: bigint) => {
      const partitions = { [topic]: [partition] };
      const offsets = await this.#consumer.listOffsets({ topics: [topic], partitions, timestamp });
      return Number(offsets.get(topic)?.[partition]);
    };
    return { first: await offset(EARLIEST), end: await offset(LATEST) };
  }

  async read(leader: number, from: readonly PartitionOffset[]): Promise<readonly ReadPartition[]> {
    const topics = [...new Set(from.map(({ topic }) => topic))];
    const metadata = await this.#consumer.metadata({ topics });
    const names = new Map(topics.map((topic) => [metadata.topics.get(topic)?.id ?? '', topic]));
    const response = await this.#fetch(
      leader,
      [...names].map(([topicId, topic]) => ({
        topicId,
        partitions: from
          .filter((each) => each.topic === topic)
          .map(({ partition, offset }) => ({
            partition,
            fetchOffset: BigInt(offset),
            partitionMaxBytes: PARTITION_BYTES_MAX,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
          })),
      })),
    );
    return response.responses.flatMap(({ topicId, partitions }) => {
      const topic = names.get(topicId) ?? '';
      return partitions.map((read) => {
        const asked = from.find(
          (each) => each.topic === topic && each.partition === read.partitionIndex,
        );
        return readPartition(topic, asked?.offset ?? 0, read);
      });
    });
  }

  close(): Promise<void> {
    return this.#consumer.close();
  }

  /** An answer in which only some partitions are out of range is an answer. */
  async #fetch(
    node: number,
    topics: Parameters<Consumer['fetch']>[0]['topics'],
  ): Promise<FetchResponse> {
    const options = { node, topics, minBytes: 1, maxBytes: BYTES_MAX, maxWaitTime: WAIT_MS };
    try {
      return await this.#consumer.fetch(options);
    } catch (error) {
      const response = (error as { readonly response?: FetchResponse }).response;
      const codes = response?.responses.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorCode),
      );
      if (
        response !== undefined &&
        codes?.every((code) => code === 0 || code === OFFSET_OUT_OF_RANGE)
      )
        return response;
      throw error;
    }
  }
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number];

function readPartition(
  topic: string,
  asked: number,
  { errorCode, highWatermark, partitionIndex, records = [] }: FetchedPartition,
): ReadPartition {
  const messages: ReadMessage[] = [];
  let next = asked;
  for (const batch of records) {
    const first = Number(batch.firstOffset);
    next = Math.max(next, first + batch.lastOffsetDelta + 1);
    if ((batch.attributes & CONTROL) !== 0) continue;
    for (const { offsetDelta, timestampDelta, value } of batch.records) {
      const offset = first + offsetDelta;
      // A batch begins where it was stored, maybe before what was asked for.
      if (offset < asked) continue;
      messages.push({ offset, timestamp: Number(batch.firstTimestamp + timestampDelta), value });
    }
  }
  const isOutOfRange = errorCode === OFFSET_OUT_OF_RANGE;
  const end = Number(highWatermark);
  return { topic, partition: partitionIndex, messages, next, end, isOutOfRange };
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
