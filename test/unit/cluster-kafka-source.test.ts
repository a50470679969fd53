import { describe, expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../src/cluster/index.ts';
import { shardOf } from '../../src/cluster/names.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { KafkaReader, PartitionOffset, ReadMessage } from '../../src/kafka/client.ts';
import { TickSource } from '../../src/kafka/tick-source.ts';
import { USUAL_POINTERS } from '../../src/messages/tick-messages.ts';
import { memberContext } from '../../testkit/gateway-context.ts';
import { Random } from '../../testkit/random.ts';
import { delay, until } from '../../testkit/until.ts';
import { acceptedPrices } from '../support/accepted-prices.ts';
import { NAMES, SHARDS } from '../support/logged-market.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const TOPIC = 'trades';
const PARTITIONS = 3;
const MESSAGES = 2500;
const SYMBOLS = Array.from({ length: 9 }, (_, i) => `S-${i}`);
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A topic in memory. It is read in pieces of any size, as brokers choose it. */
class MemoryTopic implements KafkaReader {
  readonly partitions: readonly ReadMessage[][];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.partitions = Array.from({ length: PARTITIONS }, () => this.#messages());
  }

  /** Prices of a partition that are of a shard, in order. */
  prices(partition: number, shard: number): number[] {
    const ticks = (this.partitions[partition] ?? []).flatMap(({ value }) => ticksOf(value));
    return ticks.filter(({ symbol }) => shardOf(symbol, SHARDS) === shard).map((t) => t.price);
  }

  async leaders() {
    const led = Array.from({ length: PARTITIONS }, (_, i) => ({ topic: TOPIC, partition: i }));
    return new Map([[1, led]]);
  }

  async range(_topic: string, partition: number) {
    return { first: this.partitions[partition]?.[0]?.offset ?? 0, end: this.#end(partition) };
  }

  async read(_leader: number, from: readonly PartitionOffset[]) {
    await delay(this.#random.below(4));
    return from.map(({ topic, partition, offset }) => {
      const rest = (this.partitions[partition] ?? []).filter((each) => each.offset >= offset);
      const messages = rest.slice(0, this.#random.below(12));
      const end = this.#end(partition);
      // What is not there is passed over with what is before it.
      const next = rest[messages.length]?.offset ?? end;
      return { topic, partition, messages, next, end, isOutOfRange: false };
    });
  }

  async close(): Promise<void> {}

  #end(partition: number): number {
    return (this.partitions[partition]?.at(-1)?.offset ?? -1) + 1;
  }

  /** Some have no ticks, and some offsets no message. */
  #messages(): ReadMessage[] {
    const random = this.#random;
    let price = 0;
    return Array.from({ length: MESSAGES }, (_, offset) => {
      if (random.chance(0.2)) return [];
      const ticks = Array.from({ length: random.between(1, 3) }, () => ({
        symbol: random.pick(SYMBOLS),
        price: ++price,
      }));
      const text = random.chance(0.2) ? 'nonsense' : JSON.stringify(ticks);
      return [{ offset, timestamp: 1_700_000_000_000 + offset, value: Buffer.from(text) }];
    }).flat();
  }
}

function ticksOf(value: Uint8Array | null): { symbol: string; price: number }[] {
  const text = Buffer.from(value ?? []).toString();
  return text === 'nonsense' ? [] : JSON.parse(text);
}

/** An edge that reads the topic where `isOwn` says so. */
async function reader(
  broker: SimulatedBroker,
  topic: MemoryTopic,
  isOwn: (partition: number) => boolean,
) {
  const input: ConfigInput = {
    cluster: { role: 'edge', name: NAMES.cluster, shards: SHARDS, leaseMs: 60_000 },
  };
  const cluster = await Cluster.join(parseConfig(input), broker.connect(), QUIET);
  await cluster.start();
  const context = memberContext(cluster, input);
  const shared = {
    ...context,
    cluster: {
      claim: cluster.claim,
      isOwn: (_kind: string, piece: string) => isOwn(Number(piece)),
    },
  } as typeof context;
  const options = { ...USUAL_POINTERS, topics: [TOPIC], reader: topic, log: QUIET } as const;
  const source = new TickSource({ ...options, ticksFrom: 'earliest' }, shared);
  onTestFinished(async () => {
    await source.stop();
    context.retirement.stop();
    await cluster.stop();
  });
  return { cluster, source };
}

describe('a Kafka source of a cluster', () => {
  it.each([1, 2, 3, 4])(
    'has each tick in the logs once, in order, whoever reads it when (seed %i)',
    { timeout: 60_000 },
    async (seed) => {
      const random = new Random(seed);
      const faults = { lost: 0.05, unanswered: 0.05, delayMs: 3 };
      const broker = new SimulatedBroker(random, faults);
      const topic = new MemoryTopic(random);
      /** Who reads a partition; above 1: both think that it is theirs. */
      const readers = Array.from({ length: PARTITIONS }, () => random.below(4));
      const isOwnOf = (member: number) => (partition: number) =>
        readers[partition] === member || (readers[partition] as number) > 1;
      const members = [
        await reader(broker, topic, isOwnOf(0)),
        await reader(broker, topic, isOwnOf(1)),
      ];
      for (let turn = 0; turn < 60; turn++) {
        readers[random.below(PARTITIONS)] = random.below(4);
        await delay(random.below(30));
      }
      readers.fill(0);
      broker.faults = { delayMs: 1 };
      const total = (lists: Iterable<readonly number[]>) => [...lists].flat().length;
      const all = topic.partitions.flat().flatMap(({ value }) => ticksOf(value)).length;
      await until(() => total(acceptedPrices(broker, NAMES).values()) >= all, 'all is read');
      for (const { cluster } of members) {
        await until(() => cluster.journal.syncedPosition === cluster.journal.position);
      }
      const found = acceptedPrices(broker, NAMES);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        for (let shard = 0; shard < SHARDS; shard++) {
          const prices = found.get(`kafka.${TOPIC}.${partition} ${shard}`) ?? [];
          const expected = topic.prices(partition, shard);
          const at = expected.findIndex((price, i) => prices[i] !== price);
          const [from, to] = [Math.max(0, at - 2), at + 3];
          expect([partition, shard, at, prices.length, prices.slice(from, to)]).toEqual([
            partition,
            shard,
            -1,
            expected.length,
            expected.slice(from, to),
          ]);
        }
      }
      // Both did something.
      for (const { source } of members) {
        expect(source.figures.messages.get(TOPIC)).toBeGreaterThan(0);
      }
    },
  );
});
