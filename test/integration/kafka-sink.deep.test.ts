import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../../testkit/kafka-broker.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';

const libs = await findKafka();
if (libs === undefined) process.stderr.write(`NOT TRIED: Kafka: it takes ${KAFKA_SOURCE}\n`);

interface SentAnomaly {
  readonly symbol: string;
  readonly sequence: number;
  readonly newPrice: number;
}

/** A server with a store of its own, whose anomalies go to a topic. */
class SinkServer {
  readonly #flags: readonly string[];
  process: ServerProcess | undefined;

  constructor(broker: KafkaBroker, folder: string, flags: readonly string[]) {
    this.#flags = [
      ...SMALL,
      `--store.directory=${join(folder, 'data')}`,
      `--kafka.brokers=${broker.address}`,
      ...flags,
    ];
  }

  async start(): Promise<void> {
    this.process = new ServerProcess(this.#flags);
    await this.process.listening();
  }

  /** Publishes a price that goes up and down, each move an anomaly. */
  async post(symbol: string, from: number, moves: number): Promise<void> {
    const now = Date.now();
    const body = Array.from({ length: moves }, (_, i) => {
      return { symbol, price: (from + i) % 2 === 0 ? 100 : 110, timestamp: now + i };
    });
    const response = await fetch(`${this.url}/api/prices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(202);
  }

  /** The values of metrics whose names begin so. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`tickwire_kafka_${name}{`));
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  }

  /** The anomalies that the server has of a symbol, oldest first. */
  async anomalies(symbol: string): Promise<readonly SentAnomaly[]> {
    const path = `/api/prices/${symbol}/anomalies?limit=1000`;
    const page = (await (await fetch(`${this.url}${path}`)).json()) as { items: SentAnomaly[] };
    return page.items;
  }

  get url(): string {
    return `http://127.0.0.1:${this.process?.port}`;
  }
}

describe.skipIf(libs === undefined && !process.env.CI)('a Kafka sink', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start(libs ?? '');
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
  });

  it('sends each anomaly once, in order, over an outage and a restart', async () => {
    const topic = 'anomalies';
    await broker.createTopic(topic);
    const server = new SinkServer(broker, folderForTest(), [`--kafka.anomaliesTopic=${topic}`]);
    await server.start();
    const symbols = ['A', 'B', 'C', 'D', 'E'];
    for (const symbol of symbols) await server.post(symbol, 0, 50);
    await until(async () => (await server.metric('sink_waiting_records')) === 0);

    await broker.kill();
    for (const symbol of symbols) await server.post(symbol, 50, 50);
    await until(async () => (await server.metric('sink_ok')) === 0);
    // What Kafka could not take is in the store.
    await server.process?.stop();
    await server.start();
    await broker.restart();
    for (const symbol of symbols) await server.post(symbol, 100, 50);
    await until(async () => (await server.metric('sink_waiting_records')) === 0);
    expect(await server.metric('sink_lost_records_total')).toBe(0);

    const sent = await broker.read(topic);
    for (const symbol of symbols) {
      const expected = await server.anomalies(symbol);
      expect(expected.length).toBeGreaterThan(100);
      const ofSymbol = sent.filter(({ key }) => key === symbol);
      expect(new Set(ofSymbol.map(({ partition }) => partition)).size).toBe(1);
      const bodies = ofSymbol.map(({ value }) => JSON.parse(value));
      expect(bodies).toEqual(
        expected.map((each) => ({ id: `${symbol}/${each.sequence}`, ...each })),
      );
    }
    await server.process?.stop();
  }, 240_000);

  it('sends alerts, too', async () => {
    const topic = 'alerts';
    await broker.createTopic(topic);
    const folder = folderForTest();
    const file = join(folder, 'rules.json');
    writeFileSync(file, JSON.stringify({ rules: [FLASH] }));
    const flags = [`--kafka.alertsTopic=${topic}`, `--rules.file=${file}`];
    const server = new SinkServer(broker, folder, flags);
    await server.start();
    await server.post('SPY', 0, 3);
    await until(async () => (await server.metric('sink_sent_records_total')) >= 2);
    const sent = (await broker.read(topic)).map(({ key, value }) => ({
      key,
      ...JSON.parse(value),
    }));
    expect(sent[0]).toMatchObject({ key: 'SPY', id: 'SPY/1', symbol: 'SPY', phase: 'start' });
    await server.process?.stop();
  }, 120_000);
});
