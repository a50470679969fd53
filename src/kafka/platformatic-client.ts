import { readFileSync } from 'node:fs';
import {
  type Connection,
  Consumer,
  defaultPartitioner,
  FetchIsolationLevels,
  fetchV13,
  listOffsetsV7,
  type metadataV12,
  Producer,
} from '@platformatic/kafka';
import { committed, lastOffsetOf } from './aborted-transactions.ts';
import {
  type KafkaConnection,
  type KafkaMessage,
  type KafkaProducer,
  type KafkaReader,
  NO_LEADER,
  type PartitionOffset,
  type ReadMessage,
  type ReadPartition,
  type TopicPartition,
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

const EARLIEST = -2n;
const LATEST = -1n;

/** What brokers say of a topic. */
interface KnownTopic {
  readonly id: string;
  /** By partition. */
  readonly leaders: readonly number[];
}

/**
 * Reads partitions without a consumer group: who reads what is not Kafka's concern. Brokers are
 * asked without the library's consumer where that fails for all partitions if one has no leader,
 * and where it filters by transactions: it leaves some in, and throws at empty ones.
 */
export class PlatformaticReader implements KafkaReader {
  readonly #consumer: Consumer;
  #topics: ReadonlyMap<string, KnownTopic> = new Map();

  constructor(connection: KafkaConnection) {
    // The group is never joined. The source repeats what fails.
    const groupId = connection.clientId;
    this.#consumer = new Consumer({ ...optionsOf(connection), groupId, retries: 0 });
  }

  async leaders(topics: readonly string[]): Promise<ReadonlyMap<number, TopicPartition[]>> {
    this.#topics = await this.#describe(topics);
    const byLeader = new Map<number, TopicPartition[]>();
    for (const [topic, { leaders }] of this.#topics) {
      for (const [partition, leader] of leaders.entries()) {
        const led = byLeader.get(leader) ?? [];
        led.push({ topic, partition });
        byLeader.set(leader, led);
      }
    }
    return byLeader;
  }

  async range(topic: string, partition: number): Promise<{ first: number; end: number }> {
    const connection = await this.#connect(this.#topics.get(topic)?.leaders[partition]);
    const offset = async (timestamp: bigint) => {
      const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
      const { topics } = await listOffsetsV7.api.async(
        connection,
        -1,
        FetchIsolationLevels.READ_COMMITTED,
        [{ name: topic, partitions }],
      );
      return Number(topics[0]?.partitions[0]?.offset);
    };
    return { first: await offset(EARLIEST), end: await offset(LATEST) };
  }

  async read(leader: number, from: readonly PartitionOffset[]): Promise<readonly ReadPartition[]> {
    const topics = [...new Set(from.map(({ topic }) => topic))];
    const names = new Map(topics.map((topic) => [this.#topics.get(topic)?.id ?? '', topic]));
    const response = await this.#fetch(
      await this.#connect(leader),
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

  /** An answer in which some partitions have no leader is an answer. */
  async #describe(topics: readonly string[]): Promise<ReadonlyMap<string, KnownTopic>> {
    try {
      const known = await this.#consumer.metadata({ topics: [...topics], forceUpdate: true });
      return new Map(
        [...known.topics].map(([topic, { id, partitions }]) => [
          topic,
          { id, leaders: partitions.map(({ leader }) => Math.max(leader, NO_LEADER)) },
        ]),
      );
    } catch (error) {
      const { response } = error as { readonly response?: metadataV12.MetadataResponse };
      if (response === undefined || response.topics.some(({ errorCode }) => errorCode !== 0)) {
        throw error;
      }
      // It did not take over the brokers of this answer, either.
      this.#consumer.clearMetadata();
      return new Map(
        response.topics.map(({ name, topicId, partitions }) => {
          const leaders: number[] = [];
          for (const { errorCode, leaderId, partitionIndex } of partitions) {
            leaders[partitionIndex] = errorCode === 0 ? leaderId : NO_LEADER;
          }
          return [name ?? '', { id: topicId, leaders }];
        }),
      );
    }
  }

  async #connect(leader = NO_LEADER): Promise<Connection> {
    if (leader === NO_LEADER) throw new Error('partitions of Kafka have no leader');
    const connection = (await this.#consumer.connectToBrokers([leader])).get(leader);
    if (connection === undefined) throw new Error(`Kafka has no broker ${leader}`);
    return connection;
  }

  /** An answer in which only some partitions are out of range is an answer. */
  async #fetch(
    connection: Connection,
    topics: fetchV13.FetchRequestTopic[],
  ): Promise<fetchV13.FetchResponse> {
    const isolation = FetchIsolationLevels.READ_COMMITTED;
    const limits = [WAIT_MS, 1, BYTES_MAX] as const;
    try {
      return await fetchV13.api.async(connection, ...limits, isolation, 0, 0, topics, [], '');
    } catch (error) {
      const { response } = error as { readonly response?: fetchV13.FetchResponse };
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

type FetchedPartition = fetchV13.FetchResponsePartition;

function readPartition(topic: string, asked: number, read: FetchedPartition): ReadPartition {
  const { abortedTransactions, errorCode, highWatermark, partitionIndex, records = [] } = read;
  const messages: ReadMessage[] = [];
  let next = asked;
  // Null where no transaction was aborted.
  for (const batch of committed(records, abortedTransactions ?? [])) {
    const first = Number(batch.firstOffset);
    for (const { offsetDelta, timestampDelta, value } of batch.records) {
      const offset = first + offsetDelta;
      // A batch begins where it was stored, maybe before what was asked for.
      if (offset < asked) continue;
      messages.push({ offset, timestamp: Number(batch.firstTimestamp + timestampDelta), value });
    }
  }
  const last = records.at(-1);
  if (last !== undefined) next = Math.max(next, Number(lastOffsetOf(last)) + 1);
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
