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
