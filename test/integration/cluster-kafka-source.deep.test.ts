import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../../testkit/kafka-broker.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { differences, metric, PartitionMarket } from '../support/kafka-market.ts';
import { ClusterSubscriber, LEASE_MS, NatsCluster } from '../support/nats-cluster.ts';

const libs = await findKafka();
const command = await findNatsServer();
const isMissing = libs === undefined || command === undefined;
if (isMissing)
  process.stderr.write(`NOT TRIED: Kafka in a cluster: ${KAFKA_SOURCE}, ${NATS_SOURCE}\n`);

const PARTITIONS = 5;
const LONG = { timeout: 240_000 };

/** Ticks come from a topic all the time. */
class Feed {
  readonly markets = Array.from({ length: PARTITIONS }, (_, i) => new PartitionMarket(i));
  readonly #broker: KafkaBroker;
  readonly #topic: string;
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();

  constructor(broker: KafkaBroker, topic: string) {
    this.#broker = broker;
    this.#topic = topic;
  }

  start(): void {
    this.#isRunning = true;
    this.#run = (async () => {
      while (this.#isRunning) {
        await this.write(40);
        await delay(50);
      }
    })();
  }

  async write(messages: number): Promise<void> {
    for (const [partition, market] of this.markets.entries()) {
      await this.#broker.write(this.#topic, partition, market.messages(messages));
    }
  }

  async pause(): Promise<void> {
    this.#isRunning = false;
    await this.#run;
  }
}

/** Waits until a member serves what the markets lead to. */
async function matches(member: ServerProcess, { markets }: Feed): Promise<void> {
  let found: readonly string[] = [];
  await until(async () => {
    found = await differences(member.port, markets);
    return found.length === 0;
  }).catch(() => {
    throw new Error(found.join('\n'));
  });
}

const messagesTaken = (member: ServerProcess) => metric(member.port, 'messages_total');

describe.skipIf(isMissing && !process.env.CI)('a Kafka source in a cluster', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start(libs ?? '');
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
  });

  async function start(topic: string, flags: readonly string[] = []) {
    await broker.createTopic(topic, PARTITIONS);
    const cluster = await NatsCluster.start(command ?? '');
    onTestFinished(() => cluster.stop());
    await cluster.add('owner');
    await cluster.add('owner');
    const reads = [`--kafka.brokers=${broker.address}`, `--kafka.ticksTopics=${topic}`, ...flags];
    const addReader = () => cluster.add('edge', reads);
    return { cluster, addReader };
  }

  it('counts each message once, whoever reads it, over deaths and stand-stills', LONG, async () => {
    const topic = 'shared';
    const { cluster, addReader } = await start(topic);
    const feed = new Feed(broker, topic);
    let [first, second] = [await addReader(), await addReader()];
    const other = await cluster.add('edge');
    await cluster.ready(first, second, other);
    const subscriber = await ClusterSubscriber.open(other.port);
    onTestFinished(() => subscriber.subscriber.close());
    await feed.write(500);
    feed.start();
    // All partitions are divided among both.
    await until(async () => (await messagesTaken(first)) > 0 && (await messagesTaken(second)) > 0);

    await first.end();
    const taken = await messagesTaken(second);
    await until(async () => (await messagesTaken(second)) > taken + 200 * PARTITIONS);
    first = await addReader();
    await until(async () => (await messagesTaken(first)) > 0);

    // It wakes with messages on their way that the other one has read meanwhile.
    second.kill('SIGSTOP');
    await delay(2 * LEASE_MS);
    second.kill('SIGCONT');
    await delay(LEASE_MS);

    await feed.pause();
    await broker.kill();
    await broker.restart();
    feed.start();
    await second.stop();
    second = await addReader();
    await until(async () => (await messagesTaken(second)) > 0);
    await feed.pause();

    for (const member of [first, second, other]) await matches(member, feed);
    const oracles = new Map(feed.markets.flatMap((market) => [...market.oracles]));
    await subscriber.matches({ oracles });
    // Nothing is left, and nothing comes behind that.
    for (const member of [first, second]) {
      await until(async () => (await metric(member.port, 'lag_messages')) === 0);
    }
    expect(await differences(other.port, feed.markets)).toEqual([]);
  });

  it('begins at the end once, whoever reads', LONG, async () => {
    const topic = 'from-the-end';
    const { cluster, addReader } = await start(topic, ['--kafka.ticksFrom=latest']);
    const before = new Feed(broker, topic);
    await before.write(20);
    const first = await addReader();
    await cluster.ready(first);
    const begun = () => first.output.split('"reads a partition of Kafka"').length - 1;
    await until(() => begun() === PARTITIONS);
    // The ledger has it within some ms.
    await delay(500);
    await first.end();
    // What follows comes while nobody reads.
    const feed = new Feed(broker, topic);
    await feed.write(30);
    const second = await addReader();
    await cluster.ready(second);
    await matches(second, feed);
    expect(before.markets[0]?.ticks).toBeGreaterThan(0);
  });
});
