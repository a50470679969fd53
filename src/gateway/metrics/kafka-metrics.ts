import type { ScrapedMetrics } from './scraped-metrics.ts';

/** What Kafka's sinks have counted, by topic. */
export interface KafkaReadings {
  readonly sinks: ReadonlyMap<string, KafkaSinkReadings>;
}

export interface KafkaSinkReadings {
  /** Records that are not known to be stored. */
  readonly waiting: number;
  readonly figures: {
    readonly sent: number;
    readonly lost: number;
    readonly retries: number;
    readonly isFailing: boolean;
  };
}

/** The metrics of Kafka. Without topics, they have no samples. */
export function addKafkaMetrics(metrics: ScrapedMetrics, read: () => KafkaReadings): void {
  const each = (value: (sink: KafkaSinkReadings) => number) => () =>
    Object.fromEntries([...read().sinks].map(([topic, sink]) => [topic, value(sink)]));
  const gauge = (name: string, help: string, value: (sink: KafkaSinkReadings) => number) =>
    metrics.gaugeBy('topic', `tickwire_kafka_sink_${name}`, help, each(value));
  const counter = (name: string, help: string, value: (sink: KafkaSinkReadings) => number) =>
    metrics.counterBy('topic', `tickwire_kafka_sink_${name}_total`, help, each(value));
  gauge('ok', '1; 0 while Kafka does not take records.', ({ figures }) =>
    figures.isFailing ? 0 : 1,
  );
  gauge('waiting_records', 'Records that Kafka has not confirmed.', ({ waiting }) => waiting);
  counter('sent_records', 'Records that Kafka has stored.', ({ figures }) => figures.sent);
  counter('lost_records', 'Records removed before Kafka took them.', ({ figures }) => figures.lost);
  counter('retries', 'Attempts that failed and are made again.', ({ figures }) => figures.retries);
}
