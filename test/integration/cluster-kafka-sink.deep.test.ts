import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectToNats } from '../../src/cluster/index.ts';
import { ClusterNames } from '../../src/cluster/names.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../../testkit/kafka-broker.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';
import { readLoggedAlerts } from '../support/logged-alerts.ts';
import { ClusterMarket, NatsCluster } from '../support/nats-cluster.ts';

const LONG = { timeout: 300_000 };
const SHARDS = 16;
/** Longer than a busy machine stands still: who is taken for dead repeats records. */
const LEASE_MS = 4000;
const MOVES = 'moves';
const ALERTS = 'alerts.of-rules';
const TICKS_PER_SECOND = 1500;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const RULES = {
  rules: [{ ...FLASH, critical: '5%', episode: { holdMs: 4_000_000, step: true } }],
};
const BEGUN = 'records go to Kafka from here';
const ENDED = 'records do not go to Kafka from here any more';
/** A writer that is killed repeats what it sent within a second, and the two around it. */
const REPEATED_MS = 3000;

const command = await findNatsServer();
const libs = await findKafka();
const missing = [
  ...(command === undefined ? [NATS_SOURCE] : []),
  ...(libs === undefined ? [KAFKA_SOURCE] : []),
];
const isMissing = missing.length > 0 && !process.env.CI;

/** Whether a member writes a topic now, as it says. */
function isWriting({ exit, output }: ServerProcess, topic: string): boolean {
  if (exit !== undefined) return false;
  const lines = output.split('\n').filter((line) => line.includes(`"topic":"${topic}"`));
  const last = lines.findLast((line) => line.includes(BEGUN) || line.includes(ENDED));
  return last?.includes(BEGUN) === true;
}

/** The texts of a topic's messages, by key, in their order. */
async function sentBy(kafka: KafkaBroker, topic: string) {
  const byKey = new Map<string, string[]>();
  const messages = await kafka.read(topic);
  for (const { key, value } of messages) byKey.set(key, [...(byKey.get(key) ?? []), value]);
  const partitions = new Map(messages.map(({ key, partition }) => [`${key} ${partition}`, key]));
  expect(partitions.size).toBe(byKey.size);
  return byKey;
}

/** How many messages came before. */
function repeatedIn(values: readonly string[]): number {
  return values.length - new Set(values).size;
}

/** How often a later record was followed by an earlier one. */
function descentsIn(values: readonly string[]): number {
  const numbers = values.map((value) => JSON.parse(value).sequence as number);
  return numbers.filter((number, i) => i > 0 && number <= (numbers[i - 1] as number)).length;
}

/** Has all messages that are expected: of a key in their order, with nothing else. */
function expectSent(
  sent: ReadonlyMap<string, readonly string[]>,
  expected: ReadonlyMap<string, readonly object[]>,
): void {
  expect([...sent.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, records] of expected) {
    const distinct = [...new Set(sent.get(key))].map((value) => JSON.parse(value));
    expect([key, distinct]).toEqual([key, JSON.parse(JSON.stringify(records))]);
  }
}

function expectedMoves({ oracles }: ClusterMarket): Map<string, readonly object[]> {
  const moves = [...oracles].map(([symbol, { anomalies }]) => {
    const records = anomalies.map((each) => ({
      id: `${symbol}/${each.sequence}`,
      symbol,
      sequence: each.sequence,
      direction: each.direction === 1 ? 'Up' : 'Down',
      referencePrice: each.reference,
      newPrice: each.price,
      changePercent: each.changePercent,
      timestamp: new Date(each.time).toISOString(),
    }));
    return [symbol, records] as const;
  });
  return new Map(moves.filter(([, records]) => records.length > 0));
}

describe.skipIf(isMissing)(
  `Kafka's sinks in a cluster${isMissing ? ` (need ${missing.join('; ')})` : ''}`,
  () => {
    it('send all, in order, over kills of writers and of Kafka', LONG, async () => {
      if (command === undefined || libs === undefined) throw new Error(missing.join('; '));
      const [cluster, kafka] = await Promise.all([
        NatsCluster.start(command),
        KafkaBroker.start(libs),
      ]);
      onTestFinished(() => kafka.stop());
      onTestFinished(() => cluster.stop());
      await kafka.createTopic(MOVES);
      await kafka.createTopic(ALERTS);
      const file = join(folderForTest(), 'rules.json');
      writeFileSync(file, JSON.stringify(RULES));
      const lease = `--cluster.leaseMs=${LEASE_MS}`;
      const rules = [lease, `--rules.file=${file}`];
      const owners = [await cluster.add('owner', rules), await cluster.add('owner', rules)];
      const edge = await cluster.add('edge', [lease]);
      const sinks: ServerProcess[] = [];
      const addSink = async () => {
        const topics = [lease, `--kafka.anomaliesTopic=${MOVES}`, `--kafka.alertsTopic=${ALERTS}`];
        const sink = await cluster.add('edge', [`--kafka.brokers=${kafka.address}`, ...topics]);
        sinks.push(sink);
      };
      const writerOf = (topic: string) => sinks.find((sink) => isWriting(sink, topic));
      const written = () =>
        until(() => writerOf(MOVES) !== undefined && writerOf(ALERTS) !== undefined);
      const metric = async (topic: string, name: string) => {
        const writer = writerOf(topic);
        // None while it goes from one to another.
        if (writer === undefined) return undefined;
        const response = await fetch(`http://127.0.0.1:${writer.port}/metrics`);
        const metrics = parseMetrics(await response.text());
        return metrics.get(`tickwire_kafka_sink_${name}{topic="${topic}"}`);
      };
      const killWriter = async () => {
        const killed = writerOf(MOVES);
        await killed?.end();
        // Without a word, its work is the others' at the end of its lease.
        await until(() => writerOf(MOVES) !== undefined && writerOf(MOVES) !== killed);
      };
      await addSink();
      await addSink();
      await cluster.ready(...owners, edge, ...sinks);
      await written();
      const market = new ClusterMarket(edge.port, 'sunk', 40);
      onTestFinished(() => market.publisher.close(100));

      market.start(TICKS_PER_SECOND);
      await until(async () => ((await metric(MOVES, 'sent_records_total')) ?? 0) > 20);
      // One that joins takes work over without a record twice, if any is its own.
      await addSink();
      await delay(LEASE_MS);
      await written();
      for (const values of (await sentBy(kafka, MOVES)).values()) {
        expect(repeatedIn(values)).toBe(0);
      }
      await killWriter();
      await addSink();
      await delay(LEASE_MS);
      await written();

      await kafka.kill();
      await until(async () => (await metric(MOVES, 'ok')) === 0);
      await delay(1500);
      await killWriter();
      await kafka.restart();
      await until(async () => (await metric(MOVES, 'ok')) === 1);
      await until(async () => (await metric(MOVES, 'waiting_records')) === 0);
      await delay(1000);

      const before = await sentBy(kafka, MOVES);
      // One that is stopped leaves its place to the others, without a record twice.
      const stopped = writerOf(MOVES) as ServerProcess;
      await addSink();
      await stopped.stop();
      expect(stopped.exit).toBe(0);
      await written();
      await delay(1500);
      await market.pause();

      const moves = expectedMoves(market);
      const count = [...moves.values()].flat().length;
      expect(count).toBeGreaterThan(100);
      await until(async () => {
        const sent = [...(await sentBy(kafka, MOVES)).values()].flat();
        return sent.length - repeatedIn(sent) >= count;
      }, `${count} anomalies`);
      const sent = await sentBy(kafka, MOVES);
      expectSent(sent, moves);
      const repeated = [...sent.values()].map(repeatedIn);
      const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
      // The same as before the stop: only the two kills repeated any.
      expect(sum(repeated)).toBe(sum([...before.values()].map(repeatedIn)));
      for (const values of sent.values()) expect(descentsIn(values)).toBeLessThanOrEqual(2);
      const seconds = (2 * REPEATED_MS) / 1000;
      const perSecond = (count * TICKS_PER_SECOND) / market.ticks;
      expect(sum(repeated)).toBeLessThan(seconds * perSecond * 2);

      const config = parseConfig({ cluster: { servers: cluster.brokers.addresses } });
      const bus = await connectToNats(config, QUIET);
      onTestFinished(() => bus.close());
      const { alerts } = await readLoggedAlerts(bus, new ClusterNames('tickwire', SHARDS));
      const expected = [...alerts].map(([symbol, own]) => {
        const records = own.map(({ startTime, time, ...alert }) => ({
          id: `${symbol}/${alert.sequence}`,
          symbol,
          ...alert,
          time: new Date(time).toISOString(),
          startTime: new Date(startTime).toISOString(),
        }));
        return [symbol, records] as const;
      });
      const alertCount = expected.flatMap(([, records]) => records).length;
      expect(alertCount).toBeGreaterThan(50);
      await until(async () => {
        const raised = [...(await sentBy(kafka, ALERTS)).values()].flat();
        return raised.length - repeatedIn(raised) >= alertCount;
      }, `${alertCount} alerts`);
      expectSent(await sentBy(kafka, ALERTS), new Map(expected));
      for (const topic of [MOVES, ALERTS]) {
        expect(await metric(topic, 'waiting_records')).toBe(0);
        expect(await metric(topic, 'lost_records_total')).toBe(0);
      }
      process.stdout.write(
        `${count} anomalies, ${sum(repeated)} of them twice; ${alertCount} alerts; ` +
          `${market.ticks} ticks\n`,
      );
    });
  },
);
