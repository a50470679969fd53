import { describe, expect, it, onTestFinished } from 'vitest';
import { AlertLevel, AlertPhase } from '../../src/protocol/index.ts';
import { createSink } from '../../src/sinks/create-sink.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { createSinkFigures, SinkCounter, SinkFigures } from '../../src/sinks/sink-figures.ts';
import { eventually, until } from '../../testkit/until.ts';
import { Alertmanager, noAlertmanager } from '../support/alertmanager.ts';
import { sampleAlert, sampleEnd, sinkConfig } from '../support/sink-samples.ts';

function sinkTo(
  manager: Alertmanager,
  settings: Readonly<Record<string, unknown>>,
): {
  sink: Sink;
  count: (counter: SinkCounter) => number;
} {
  const figures = new SinkFigures(createSinkFigures());
  const lines: string[] = [];
  const take = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const config = sinkConfig(manager.url, { format: 'alertmanager', ...settings });
  const context = {
    figures,
    log: { info: take, warn: take, error: take },
    hasEpisodes: () => true,
  };
  const sink = createSink(config, context);
  onTestFinished(() => {
    sink.close();
    expect(lines).toEqual([]);
  });
  return { sink, count: (counter) => figures.get(counter) };
}

const recent = () => ({ time: Date.now(), startTime: Date.now() });

describe.skipIf(noAlertmanager !== undefined && !process.env.CI)(
  `alerts to Alertmanager${noAlertmanager === undefined ? '' : ` (${noAlertmanager})`}`,
  () => {
    it('fire with their labels, escalate and resolve', async () => {
      const manager = await Alertmanager.start();
      const { sink } = sinkTo(manager, { firingMsMin: 0, labels: { env: 'test' } });
      sink.push({ alert: sampleAlert({ level: AlertLevel.WARNING, ...recent() }), ordinal: 0 });
      const [known] = await eventually(
        () => manager.known(),
        (alerts) => alerts.length === 1,
      );
      expect(known?.labels).toEqual({
        alertname: 'flash',
        symbol: 'AAPL',
        level: 'warning',
        direction: 'Up',
        env: 'test',
      });
      expect(known?.annotations.summary).toBe('AAPL up 5 % to 105 (from 100), warning');
      await until(() => manager.notified().length === 1);
      const escalated = sampleAlert({ phase: AlertPhase.ESCALATE, sequence: 2, ...recent() });
      sink.push({ alert: escalated, ordinal: 1 });
      await until(() => manager.notified().length === 3);
      sink.push({ alert: sampleEnd({ sequence: 3, ...recent() }), ordinal: 2 });
      await until(() => manager.notified().length === 4);
      expect(manager.notified().slice(0, 1)).toEqual(['AAPL warning firing']);
      expect([...manager.notified()].sort()).toEqual([
        'AAPL critical firing',
        'AAPL critical resolved',
        'AAPL warning firing',
        'AAPL warning resolved',
      ]);
      expect(await manager.known()).toEqual([]);
    });

    it('are told although they are over before anybody is told', async () => {
      const manager = await Alertmanager.start('2s');
      const { sink } = sinkTo(manager, { firingMsMin: 4000 });
      sink.push({ alert: sampleAlert(recent()), ordinal: 0 });
      sink.push({ alert: sampleEnd(recent()), ordinal: 1 });
      await until(() => manager.notified().length === 2);
      expect(manager.notified()).toEqual(['AAPL critical firing', 'AAPL critical resolved']);
    });

    it('end when they are to, though the request before said nothing of an end', async () => {
      const manager = await Alertmanager.start();
      const { sink, count } = sinkTo(manager, { firingMsMin: 3000 });
      sink.push({ alert: sampleAlert(recent()), ordinal: 0 });
      await until(() => count(SinkCounter.DELIVERED) === 1);
      const begun = Date.now();
      sink.push({ alert: sampleEnd(recent()), ordinal: 1 });
      await until(() => manager.notified().length === 2);
      expect(Date.now() - begun).toBeGreaterThan(2000);
      expect(manager.notified()).toEqual(['AAPL critical firing', 'AAPL critical resolved']);
    });

    it('fire by the hundred', async () => {
      const manager = await Alertmanager.start();
      const { sink, count } = sinkTo(manager, {});
      for (let i = 0; i < 300; i++) {
        sink.push({ alert: sampleAlert({ symbol: `€ <${i}> "`, ...recent() }), ordinal: i });
      }
      await until(() => count(SinkCounter.DELIVERED) === 300);
      expect(count(SinkCounter.REFUSED)).toBe(0);
      expect(await manager.known()).toHaveLength(300);
    });
  },
);
