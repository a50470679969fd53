import { describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../src/cluster/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { type KafkaReader, NO_LEADER, type PartitionOffset } from '../../src/kafka/client.ts';
import { TickSource } from '../../src/kafka/tick-source.ts';
import { USUAL_POINTERS } from '../../src/messages/tick-messages.ts';
import { memberContext } from '../../testkit/gateway-context.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { NAMES, SHARDS } from '../support/logged-market.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const TOPIC = 'trades';

/** A topic with a partition 0 that broker 1 leads, and one that maybe cannot be read. */
class TwoPartitions implements KafkaReader {
  leaderOfOther = NO_LEADER;
  /** Ends what broker 2 was asked, without an answer. */
  hangUp: () => void = () => undefined;
  readonly reads = [0, 0];
  #reading = 0;
  isReadTwiceAtOnce = false;

  async leaders() {
    const [first, other] = [0, 1].map((partition) => ({ topic: TOPIC, partition }));
    if (this.leaderOfOther === 1) return new Map([[1, [first, other]]]) as never;
    return new Map([
      [1, [first]],
      [this.leaderOfOther, [other]],
    ]) as never;
  }

  async range(_topic: string, partition: number) {
    await delay(1);
    if (partition === 1 && this.leaderOfOther === NO_LEADER) throw new Error('no leader');
    return { first: 0, end: 1_000_000 };
  }

  async read(leader: number, from: readonly PartitionOffset[]) {
    const hasOther = from.some(({ partition }) => partition === 1);
    if (hasOther && this.#reading++ > 0) this.isReadTwiceAtOnce = true;
    try {
      await delay(2);
      if (leader === NO_LEADER) throw new Error('no leader');
      if (leader === 2) {
        await new Promise<void>((_, reject) => {
          this.hangUp = () => reject(new Error('no answer'));
        });
      }
    } finally {
      if (hasOther) this.#reading--;
    }
    return from.map(({ topic, partition, offset }) => {
      this.reads[partition] = (this.reads[partition] ?? 0) + 1;
      const value = Buffer.from(JSON.stringify({ symbol: `S-${partition}`, price: 1 + offset }));
      const messages = [{ offset, timestamp: 1_700_000_000_000 + offset, value }];
      return { topic, partition, messages, next: offset + 1, end: 1e6, isOutOfRange: false };
    });
  }

  async close(): Promise<void> {}
}

async function reading(topic: TwoPartitions) {
  const input: ConfigInput = {
    cluster: { role: 'edge', name: NAMES.cluster, shards: SHARDS, leaseMs: 60_000 },
  };
  const lines: string[] = [];
  const tell = (at: { leader?: number }, text: string) => {
    lines.push(`${text}: ${at.leader}`);
  };
  const log = { info: tell, warn: tell, error: tell };
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const broker = new SimulatedBroker(new Random(1));
  const cluster = await Cluster.join(parseConfig(input), broker.connect(), quiet);
  await cluster.start();
  const context = memberContext(cluster, input);
  const { claim } = cluster;
  const shared = { ...context, cluster: { claim, isOwn: () => true } } as never;
  const options = { ...USUAL_POINTERS, topics: [TOPIC], reader: topic, log } as const;
  const source = new TickSource({ ...options, ticksFrom: 'earliest' }, shared);
  onTestFinished(async () => {
    topic.hangUp();
    await source.stop();
    context.retirement.stop();
    await cluster.stop();
  });
  return { lines, source };
}

describe('a Kafka source', () => {
  it('reads on where another partition has no leader, and that one when it has', async () => {
    const topic = new TwoPartitions();
    const { lines, source } = await reading(topic);
    await until(() => source.figures.failures >= 3);
    const before = topic.reads[0] as number;
    await until(() => (topic.reads[0] as number) > before + 20);
    expect(source.figures.failures).toBeLessThan(6);
    // Once, though it fails again and again.
    const said = lines.filter((line) => line.includes('cannot be read'));
    expect(said).toEqual([`Kafka cannot be read: ${NO_LEADER}`]);
    expect(topic.reads[1]).toBe(0);
    topic.leaderOfOther = 1;
    await until(() => (topic.reads[1] as number) > 20);
  }, 30_000);

  it('reads on while another broker does not answer, each partition once at a time', async () => {
    const topic = new TwoPartitions();
    topic.leaderOfOther = 2;
    await reading(topic);
    await until(() => (topic.reads[0] as number) > 20);
    topic.leaderOfOther = 1;
    topic.hangUp();
    await until(() => (topic.reads[1] as number) > 20);
    expect(topic.isReadTwiceAtOnce).toBe(false);
  }, 30_000);
});
