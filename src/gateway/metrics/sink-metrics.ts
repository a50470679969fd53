import type { Registry } from 'prom-client';
import { SinkCounter, type SinkFigures } from '../../sinks/index.ts';
import { ScrapedHistogram } from './scraped-histogram.ts';
import type { ScrapedMetrics } from './scraped-metrics.ts';

/** What sinks have counted, by their names. */
export type SinkReadings = ReadonlyMap<string, SinkFigures>;

/** The metrics of sinks. Without one, they have no samples. */
export function addSinkMetrics(
  metrics: ScrapedMetrics,
  registry: Registry,
  read: () => SinkReadings,
): void {
  const each = (value: (figures: SinkFigures) => number) => () =>
    Object.fromEntries([...read()].map(([name, figures]) => [name, value(figures)]));
  const count = (name: string, help: string, ...counters: readonly SinkCounter[]) =>
    metrics.counterBy(
      'sink',
      `tickwire_sink_${name}_total`,
      help,
      each((figures) => counters.reduce<number>((sum, counter) => sum + figures.get(counter), 0)),
    );
  metrics.gaugeBy(
    'sink',
    'tickwire_sink_ok',
    '1; 0 while requests fail or are refused.',
    each((figures) => 1 - figures.get(SinkCounter.FAILING)),
  );
  metrics.gaugeBy(
    'sink',
    'tickwire_sink_waiting_alerts',
    'Alerts that wait or are under way.',
    each((figures) => figures.get(SinkCounter.WAITING)),
  );
  const { DELIVERED, REFUSED, EXPIRED, DROPPED, DROPPED_BEFORE, RETRIES } = SinkCounter;
  count('delivered_alerts', 'Alerts that the receiver took.', DELIVERED);
  count('refused_alerts', 'Alerts that it refused for good.', REFUSED);
  count('expired_alerts', 'Alerts that could not be delivered for too long.', EXPIRED);
  count('dropped_alerts', 'Alerts that a full queue gave up.', DROPPED, DROPPED_BEFORE);
  count('retries', 'Requests that failed and are made again.', RETRIES);
  new ScrapedHistogram(
    'tickwire_sink_request_seconds',
    'Duration of requests.',
    registry,
    ['sink'],
    () => [...read()].map(([sink, figures]) => ({ labels: { sink }, ...figures.requests() })),
  );
}
