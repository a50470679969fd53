import type { Config } from '../config/schema.ts';
import type { GatewayContext, KafkaReadings } from '../gateway/index.ts';
import type { KafkaConnection, KafkaProducer } from './client.ts';
import { PlatformaticProducer } from './platformatic-client.ts';
import type { KafkaLog } from './record-sink.ts';
import { RecordSinks } from './record-sinks.ts';

/** What goes to Kafka and comes from it. */
export class Kafka {
  readonly #config: Config;
  readonly #log: KafkaLog;
  readonly #producer: KafkaProducer | undefined;
  #sinks: RecordSinks | undefined;

  /** Connects to nothing yet. */
  constructor(config: Config, log: KafkaLog) {
    this.#config = config;
    this.#log = log;
    const { alertsTopic, anomaliesTopic } = config.kafka;
    const hasSinks = alertsTopic !== '' || anomaliesTopic !== '';
    this.#producer = hasSinks ? new PlatformaticProducer(connectionOf(config)) : undefined;
  }

  /** The server runs: sends what its log has, and reads ticks. */
  attach(context: GatewayContext): void {
    const { kafka, store } = this.#config;
    const producer = this.#producer;
    if (producer === undefined) return;
    const directory = store.directory || undefined;
    this.#sinks = new RecordSinks({ ...kafka, directory, producer, log: this.#log }, context);
  }

  readonly readings = (): KafkaReadings => ({ sinks: this.#sinks?.readings ?? new Map() });

  /**
   * Sends what waits, for at most `drainMs`.
   *
   * @returns records that were not sent; with a store, the next start sends them
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
