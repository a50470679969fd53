import type { KafkaSinkReadings, RecordKinds } from '../gateway/index.ts';
import type { KafkaMessage, KafkaProducer } from './client.ts';
import { alertMessage, anomalyMessage } from './record-messages.ts';
import type { KafkaLog } from './record-sink.ts';
import { SharedRecordSink, type SharingPace, USUAL_PACE } from './shared-record-sink.ts';
import type { SharedRecords } from './shared-work.ts';

export interface SharedRecordSinksOptions {
  /** Empty: none. */
  readonly anomaliesTopic: string;
  readonly alertsTopic: string;
  readonly producer: KafkaProducer;
  readonly log: KafkaLog;
  /** As usual unless given. */
  readonly pace?: SharingPace;
}

/** Takes anomalies and alerts of a cluster to Kafka, those of a topic while they are its own. */
export class SharedRecordSinks {
  readonly #options: SharedRecordSinksOptions;
  readonly #cluster: SharedRecords;
  readonly #sinks: Pick<SharedRecordSink<keyof RecordKinds>, 'readings' | 'stop' | 'topic'>[] = [];

  constructor(options: SharedRecordSinksOptions, cluster: SharedRecords) {
    this.#options = options;
    this.#cluster = cluster;
    this.#add('anomalies', options.anomaliesTopic, anomalyMessage);
    this.#add('alerts', options.alertsTopic, alertMessage);
  }

  /** What each has counted, by its topic. */
  get readings(): ReadonlyMap<string, KafkaSinkReadings> {
    return new Map(this.#sinks.map(({ readings, topic }) => [topic, readings]));
  }

  /** Sends what waits, for at most `drainMs`, and leaves the rest, if any, to other members. */
  async stop(drainMs: number): Promise<0> {
    await Promise.all(this.#sinks.map((sink) => sink.stop(drainMs)));
    return 0;
  }

  #add<Kind extends keyof RecordKinds>(
    kind: Kind,
    topic: string,
    message: (record: RecordKinds[Kind]) => KafkaMessage,
  ): void {
    if (topic === '') return;
    const { log, pace = USUAL_PACE, producer } = this.#options;
    const options = { kind, topic, message, producer, log, pace };
    this.#sinks.push(new SharedRecordSink(options, this.#cluster));
  }
}
