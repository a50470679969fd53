import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../../testkit/kafka-broker.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { differences, metric, PartitionMarket, rows } from '../support/kafka-market.ts';

const libs = await findKafka();
if (libs === undefined) process.stderr.write(`NOT TRIED: Kafka: it takes ${KAFKA_SOURCE}\n`);

const PARTITIONS = 3;

describe.skipIf(libs === undefined && !process.env.CI)('a Kafka source', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start(libs ?? '');
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
  });

  it.each(['durable', 'accepted'])(
    'counts each message once over kills of the server and the broker (%s)',
    async (acknowledge) => {
      const topic = `ticks-${acknowledge}`;
      await broker.createTopic(topic, PARTITIONS);
      const markets = Array.from({ length: PARTITIONS }, (_, i) => new PartitionMarket(i));
      const flags = [
        ...SMALL,
        `--store.directory=${folderForTest()}/data`,
        '--store.snapshotIntervalMs=500',
        '--processing.channelCapacity=1024',
        `--publish.acknowledge=${acknowledge}`,
        `--kafka.brokers=${broker.address}`,
        `--kafka.ticksTopics=${topic}`,
      ];
      const write = async () => {
        for (const [partition, market] of markets.entries()) {
          await broker.write(topic, partition, market.messages(4000));
        }
      };
      const total = () => markets.reduce((sum, { ticks }) => sum + ticks, 0);
      await write();
      let kills = 0;
      for (let served = 0; served < total() && kills < 6; kills++) {
        const server = new ServerProcess(flags);
        await server.listening();
        if (kills === 2) {
          await broker.kill();
          await broker.restart();
          await write();
        }
        // A kill in the middle, but for the last.
        const count = async () =>
          (await rows(server.port)).reduce((sum, { updateCount }) => sum + updateCount, 0);
        // The one before may have left less than that.
        await until(
          async () =>
            (await metric(server.port, 'ticks_total')) > 200 || (await count()) === total(),
        );
        await delay(20 * kills);
        served = await count();
        await server.end();
      }
      expect(kills).toBeGreaterThan(2);
      const server = new ServerProcess(flags);
      await server.listening();
      await until(async () => (await differences(server.port, markets)).length === 0).catch(
        async () => {
          throw new Error((await differences(server.port, markets)).join('\n'));
        },
      );
      // Nothing comes behind that either.
      await until(async () => (await metric(server.port, 'lag_messages')) === 0);
      expect(await differences(server.port, markets)).toEqual([]);
      await server.stop();
    },
    240_000,
  );

  it('leaves out what transactions aborted, also where a read ends within one', async () => {
    const topic = 'transactions';
    await broker.createTopic(topic, 1);
    // Wide enough for several answers of 256 KiB within a transaction.
    const wide = (price: number) =>
      JSON.stringify({ symbol: 'T', price, note: 'x'.repeat(100_000) });
    const of = (end: 'commit' | 'abort', ...prices: number[]) => ({
      end,
      values: prices.map(wide),
    });
    await broker.writeTransactions(topic, 0, [
      of('commit', 1, 2),
      of('abort', ...Array.from({ length: 12 }, (_, i) => 100 + i)),
      of('abort', 200),
      of('commit', 3),
      of('abort', 300),
      of('commit', 4),
    ]);
    await broker.write(topic, 0, [wide(5)]);
    const server = await ServerProcess.start([
      `--kafka.brokers=${broker.address}`,
      `--kafka.ticksTopics=${topic}`,
      '--kafka.symbolPointer=/symbol',
      '--kafka.pricePointer=/price',
    ]);
    await until(async () => (await rows(server.port))[0]?.currentPrice === 5);
    expect(await rows(server.port)).toMatchObject([{ symbol: 'T', updateCount: 5, maxPrice: 5 }]);
    await server.stop();
  }, 120_000);

  it('takes ticks by pointers, and says what it cannot take', async () => {
    const topic = 'mapped';
    await broker.createTopic(topic, 1);
    await broker.write(topic, 0, [
      JSON.stringify({ data: { s: 'A', p: '101.5', t: 1_700_000_000_000 } }),
      'nonsense',
      JSON.stringify({ data: { s: 'A', p: -1 } }),
      '7',
      Buffer.of(0x93, 0xff),
      '',
      JSON.stringify({ data: { s: 'B', p: 7 } }),
    ]);
    const server = await ServerProcess.start([
      `--kafka.brokers=${broker.address}`,
      `--kafka.ticksTopics=${topic}`,
      '--kafka.symbolPointer=/data/s',
      '--kafka.pricePointer=/data/p',
      '--kafka.timePointer=/data/t',
    ]);
    await until(async () => (await rows(server.port)).length === 2);
    expect(await rows(server.port)).toMatchObject([
      { symbol: 'A', updateCount: 1, currentPrice: 101.5 },
      { symbol: 'B', updateCount: 1, currentPrice: 7 },
    ]);
    const refused = server.output
      .split('\n')
      .filter((line) => line.includes('is refused'))
      .map((line) => JSON.parse(line) as { offset: number; reason: string })
      .map(({ offset, reason }) => `${offset} ${reason}`);
    expect(refused.sort()).toEqual([
      '1 not_json',
      '2 bad_price',
      '3 shape',
      '4 not_message_pack',
      '5 empty',
    ]);
    await server.stop();
  }, 120_000);
});
