/*
 * Kafka as sinks and sources use it. `platformatic-client.ts` alone knows the library.
 */

/** A message to be stored. */
export interface KafkaMessage {
  readonly key: string;
  readonly value: string;
}

/** Where the brokers are, and who we are. */
export interface KafkaConnection {
  /** host:port. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Undefined: no TLS; empty: the system's authorities. */
  readonly tlsCa: string | undefined;
  readonly sasl:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string }
    | undefined;
}

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface KafkaProducer {
  /** The partition of a key, as clients in Java choose it. */
  partitionOf(topic: string, key: string): Promise<number>;
  /**
   * Stores messages in one partition, in their order. After a failure, the same call again stores
   * none of them twice, unless the broker has forgotten this producer.
   *
   * @throws Error if they are not known to be stored
   */
  send(topic: string, partition: number, messages: readonly KafkaMessage[]): Promise<void>;
  close(): Promise<void>;
}

/** A place in a partition. */
export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface ReadMessage {
  readonly offset: number;
  /** Ms since the epoch, as its producer or the broker has set it. */
  readonly timestamp: number;
  /** Null: there is none. */
  readonly value: Uint8Array | null;
}

/** What was read of a partition. */
export interface ReadPartition {
  readonly topic: string;
  readonly partition: number;
  /** From the offset asked for on, in order; without those of transactions that were aborted. */
  readonly messages: readonly ReadMessage[];
  /** Offset to read from next. */
  readonly next: number;
  /** Offset of the next message to be stored. */
  readonly end: number;
  /** Whether the partition has nothing at the offset asked for. */
  readonly isOutOfRange: boolean;
}

/** The broker that leads partitions without a leader: reading them fails. */
export const NO_LEADER = -1;

export interface KafkaReader {
  /** Partitions of topics, by the broker that leads them, or `NO_LEADER`. Asked before others. */
  leaders(topics: readonly string[]): Promise<ReadonlyMap<number, readonly TopicPartition[]>>;
  /** Where a partition begins and ends. */
  range(
    topic: string,
    partition: number,
  ): Promise<{ readonly first: number; readonly end: number }>;
  /**
   * Reads of partitions that a broker leads; waits a moment where there is nothing.
   *
   * @throws Error if the broker does not answer, or does not lead one of them
   */
  read(leader: number, from: readonly PartitionOffset[]): Promise<readonly ReadPartition[]>;
  close(): Promise<void>;
}

export type TopicPartition = Pick<PartitionOffset, 'topic' | 'partition'>;
