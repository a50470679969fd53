import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../../testkit/kafka-broker.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { metric, rows } from '../support/kafka-market.ts';
import { certificateFile } from '../support/tls.ts';

const libs = await findKafka();
if (libs === undefined) process.stderr.write(`NOT TRIED: Kafka: it takes ${KAFKA_SOURCE}\n`);

const USERNAME = 'tickwire';
const PASSWORD = 'correct horse';
const LONG = { timeout: 120_000 };
/** Prices that go up and down, each move an anomaly. */
const PRICES = [100, 110, 100, 110];

describe.skipIf(libs === undefined && !process.env.CI)('Kafka over TLS with a login', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    const parts = [certificateFile('first-key'), certificateFile('first')];
    const keyAndCertificate = parts.map((file) => readFileSync(file, 'utf8')).join('\n');
    const security = { keyAndCertificate, username: USERNAME, password: PASSWORD };
    broker = await KafkaBroker.start(libs ?? '', security);
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
  });

  /** A server that reads a topic, and writes anomalies to another. */
  async function start(ticks: string, sink: string, password: string, flags: readonly string[]) {
    await broker.createTopic(ticks, 1);
    await broker.createTopic(sink, 1);
    const now = Date.now();
    const messages = PRICES.map((price, i) => ({ symbol: 'A', price, timestamp: now + i }));
    await broker.write(ticks, 0, [JSON.stringify(messages)]);
    const topics = [`--kafka.ticksTopics=${ticks}`, `--kafka.anomaliesTopic=${sink}`];
    const login = [`--kafka.brokers=${broker.securedAddress}`, `--kafka.username=${USERNAME}`];
    const all = [...SMALL, '--kafka.tls=yes', ...login, ...topics, ...flags];
    const env = { PATH: process.env.PATH, TICKWIRE_KAFKA_PASSWORD: password };
    const server = new ServerProcess(all, { env });
    await server.listening();
    return server;
  }

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'is read and written by %s',
    LONG,
    async (mechanism) => {
      const [ticks, sink] = [`ticks-${mechanism}`, `anomalies-${mechanism}`];
      const server = await start(ticks, sink, PASSWORD, [
        `--kafka.saslMechanism=${mechanism}`,
        `--kafka.tlsCaFile=${certificateFile('first')}`,
      ]);
      await until(async () => (await rows(server.port))[0]?.updateCount === PRICES.length);
      await until(async () => (await broker.read(sink)).length === PRICES.length - 1);
      expect((await broker.read(sink)).map(({ key }) => key)).toEqual(['A', 'A', 'A']);
      await server.stop();
    },
  );

  it.each([
    ['a wrong password', 'wrong', ['--kafka.saslMechanism=PLAIN', 'first']],
    ['a wrong password', 'wrong', ['--kafka.saslMechanism=SCRAM-SHA-256', 'first']],
    ['another authority', PASSWORD, ['--kafka.saslMechanism=PLAIN', 'second']],
  ] as const)(
    'is neither with %s (%s, %j), and the server says so',
    LONG,
    async (_fault, password, [mechanism, authority]) => {
      const topic = `refused-${authority}-${mechanism.length}`;
      const server = await start(topic, `${topic}-sink`, password, [
        mechanism,
        `--kafka.tlsCaFile=${certificateFile(authority)}`,
      ]);
      await until(() => server.output.includes('Kafka cannot be read'));
      expect(server.output).not.toContain(PASSWORD);
      expect(server.output).not.toContain('"wrong"');
      expect(await metric(server.port, 'failures_total')).toBeGreaterThan(0);
      expect(await rows(server.port)).toEqual([]);
      await server.stop();
    },
  );
});
