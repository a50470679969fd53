import type { ScrapedMetrics } from './scraped-metrics.ts';

type Counts = ReadonlyMap<string, number>;

/** What Kafka's sinks and source have counted, by topic. */
export interface KafkaReadings {
  readonly sinks: ReadonlyMap<string, KafkaSinkReadings>;
  /** Undefined: nothing is read. */
  readonly source:
    | {
        readonly messages: Counts;
        readonly ticks: Counts;
        readonly lag: Counts;
        readonly lost: Counts;
        readonly waited: Counts;
        /** By reason. */
        readonly bad: Counts;
        readonly failures: number;
      }
    | undefined;
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
  addSource(metrics, read);
}

function addSource(metrics: ScrapedMetrics, read: () => KafkaReadings): void {
  type Source = NonNullable<KafkaReadings['source']>;
  const values = (of: (source: Source) => Counts) => () => {
    const { source } = read();
    return source === undefined ? {} : Object.fromEntries(of(source));
  };
  const counter = (name: string, help: string, of: (source: Source) => Counts, label = 'topic') =>
    metrics.counterBy(label, `tickwire_kafka_source_${name}_total`, help, values(of));
  counter('messages', 'Messages whose ticks were accepted.', ({ messages }) => messages);
  counter('ticks', 'Ticks accepted from Kafka.', ({ ticks }) => ticks);
  counter('lost_messages', 'Messages removed before they were read.', ({ lost }) => lost);
  counter('waits', 'Times that ticks waited for space.', ({ waited }) => waited);
  counter('bad_messages', 'Messages without ticks.', ({ bad }) => bad, 'reason');
  metrics.gaugeBy(
    'topic',
    'tickwire_kafka_source_lag_messages',
    'Messages that are not read yet.',
    values(({ lag }) => lag),
  );
  metrics.counter(
    'tickwire_kafka_source_failures_total',
    'Times that Kafka could not be read.',
    () => read().source?.failures ?? 0,
  );
}
