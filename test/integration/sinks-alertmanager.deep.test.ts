import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AlertLevel, AlertPhase } from '../../src/protocol/index.ts';
import { createSink } from '../../src/sinks/create-sink.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { createSinkFigures, SinkCounter, SinkFigures } from '../../src/sinks/sink-figures.ts';
import { freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { eventually, until } from '../../testkit/until.ts';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { findProgram } from '../support/example-process.ts';
import { ConfigFolder } from '../support/folders.ts';
import { sampleAlert, sampleEnd, sinkConfig } from '../support/sink-samples.ts';

const NAME = 'prometheus-alertmanager';
const program = findProgram(NAME);
const reason = `${NAME} is not installed (Debian: apt-get install ${NAME})`;
if (program === undefined) process.stderr.write(`NOT TRIED: alerts to Alertmanager: ${reason}\n`);

interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/** A real Alertmanager that tells a receiver. */
class Alertmanager {
  readonly url: string;
  readonly told: AlertReceiver;

  private constructor(port: number, told: AlertReceiver) {
    this.url = `http://127.0.0.1:${port}/api/v2/alerts`;
    this.told = told;
  }

  static async start(groupWait = '0s'): Promise<Alertmanager> {
    const told = await AlertReceiver.start();
    const folder = new ConfigFolder();
    folder.write(
      'alertmanager.yml',
      [
        'route:',
        '  receiver: hook',
        `  group_wait: ${groupWait}`,
        '  group_interval: 100ms',
        "  group_by: ['...']",
        'receivers:',
        '- name: hook',
        '  webhook_configs:',
        `  - url: ${told.url}`,
      ].join('\n'),
    );
    const port = await freePort();
    const manager = new Alertmanager(port, told);
    const server = new ManagedProcess(program ?? NAME, [
      `--config.file=${join(folder.path, 'alertmanager.yml')}`,
      `--storage.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ]);
    onTestFinished(async () => {
      await server.end();
      folder[Symbol.dispose]();
    });
    await server.ready(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    });
    return manager;
  }

  async known(): Promise<readonly KnownAlert[]> {
    return (await fetch(this.url)).json() as Promise<readonly KnownAlert[]>;
  }

  /** `SYMBOL level status`, in the order in which the receiver was told. */
  notified(): readonly string[] {
    return this.told.bodies.flatMap(({ alerts }) =>
      (alerts as { status: string; labels: Record<string, string> }[]).map(
        ({ status, labels }) => `${labels.symbol} ${labels.level} ${status}`,
      ),
    );
  }
}

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

describe.skipIf(program === undefined && !process.env.CI)(
  `alerts to Alertmanager${program === undefined ? ` (${reason})` : ''}`,
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
