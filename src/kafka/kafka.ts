import type { Config } from '../config/schema.ts';
import type { GatewayContext, KafkaReadings } from '../gateway/index.ts';
import type { KafkaConnection, KafkaProducer, KafkaReader } from './client.ts';
import { PlatformaticProducer, PlatformaticReader } from './platformatic-client.ts';
import type { KafkaLog } from './record-sink.ts';
import { RecordSinks } from './record-sinks.ts';
import { SharedRecordSinks } from './shared-record-sinks.ts';
import { sharedWorkOf } from './shared-work.ts';
import { TickSource } from './tick-source.ts';

/** What goes to Kafka and comes from it. */
export class Kafka {
  /** Of which, in a cluster, one member at a time does a piece. */
  readonly work: readonly string[];
  readonly #config: Config;
  readonly #log: KafkaLog;
  readonly #producer: KafkaProducer | undefined;
  readonly #reader: KafkaReader | undefined;
  #sinks: Pick<RecordSinks, 'readings' | 'stop'> | undefined;
  #source: TickSource | undefined;

  /** Connects to nothing yet. */
  constructor(config: Config, log: KafkaLog) {
    this.work = sharedWorkOf(config);
    this.#config = config;
    this.#log = log;
    const { alertsTopic, anomaliesTopic } = config.kafka;
    const hasSinks = alertsTopic !== '' || anomaliesTopic !== '';
    const connection = connectionOf(config);
    this.#producer = hasSinks ? new PlatformaticProducer(connection) : undefined;
    this.#reader = config.kafka.ticksTopics === '' ? undefined : new PlatformaticReader(connection);
  }

  /** The server runs: sends what its log has, and reads ticks. */
  attach(context: GatewayContext): void {
    const { kafka, store } = this.#config;
    const log = this.#log;
    const producer = this.#producer;
    const reader = this.#reader;
    if (producer !== undefined) {
      const { cluster } = context;
      const directory = store.directory || undefined;
      this.#sinks =
        cluster === undefined
          ? new RecordSinks({ ...kafka, directory, producer, log }, context)
          : new SharedRecordSinks({ ...kafka, producer, log }, cluster);
    }
    if (reader !== undefined) {
      const topics = kafka.ticksTopics.split(',');
      this.#source = new TickSource({ ...kafka, topics, reader, log }, context);
    }
  }

  readonly readings = (): KafkaReadings => ({
    sinks: this.#sinks?.readings ?? new Map(),
    source: this.#source?.figures,
  });

  /** Reads no more ticks. Comes before the gateway stops. */
  async stopReading(): Promise<void> {
    await this.#source?.stop();
    await this.#reader?.close();
  }

  /**
   * Sends what waits, for at most `drainMs`. Reading has stopped before.
   *
   * @returns records that were not sent; with a store, the next start sends them, and in a cluster,
   *   where it is 0, another member
   */
  async stop(drainMs: number): Promise<number> {
    const left = (await this.#sinks?.stop(drainMs)) ?? 0;
    await this.#producer?.close();
    return left;
  }
}

function connectionOf({ kafka }: Config): KafkaConnection {
  const { brokers, password, saslMechanism, tls, tlsCaFile, username } = kafka;
  return {
    brokers: brokers.split(','),
    clientId: 'tickwire',
    tlsCa: tls === 'yes' ? tlsCaFile : undefined,
    sasl: saslMechanism === 'none' ? undefined : { mechanism: saslMechanism, username, password },
  };
}
