import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectToNats } from '../../src/cluster/index.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { findNatsServer, NATS_SOURCE, NatsServers } from '../../testkit/nats-server.ts';
import { delay, until } from '../../testkit/until.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const MESSAGES = 10_000;
const BATCH = 500;
/** What a reading may have fetched: it asks for 500 at a time, before it needs them. */
const AHEAD_MAX = 1000;
const LOG = 'test_ticks';

async function busOf(servers: NatsServers, replicas = 1) {
  const config = defaultConfig();
  const cluster = { ...config.cluster, servers: servers.addresses, replicas };
  const bus = await connectToNats({ ...config, cluster }, QUIET);
  onTestFinished(() => bus.close());
  return bus;
}

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(`reading a log${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('waits where its handler waits, and leaves the rest to the broker', async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const servers = await NatsServers.start(command);
    onTestFinished(() => servers.stop());
    const bus = await busOf(servers);
    await bus.openLog({ name: LOG, subjects: ['test.ticks.*'], perSubjectMax: 0, ageMaxMs: 0 });
    const append = (count: number) =>
      Promise.all(
        Array.from({ length: count }, () =>
          bus.append({ subject: 'test.ticks.1', payload: new Uint8Array(100) }),
        ),
      );
    await append(BATCH);
    const read: number[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reading = bus.read(LOG, ['test.ticks.1'], 1, ({ sequence }) => {
      read.push(sequence);
      return sequence === 10 ? released : undefined;
    });
    onTestFinished(() => reading.stop());
    await until(() => read.length === 10);
    const client = await connect({ servers: servers.addresses });
    onTestFinished(() => client.close());
    const manager = await jetstreamManager(client);
    const fetched = async () => {
      const consumers: ConsumerInfo[] = [];
      for await (const info of manager.consumers.list(LOG)) consumers.push(info);
      return Math.max(0, ...consumers.map(({ delivered }) => delivered.stream_seq));
    };
    let fetchedMax = 0;
    for (let sent = BATCH; sent < MESSAGES; sent += BATCH) {
      await append(BATCH);
      await delay(100);
      fetchedMax = Math.max(fetchedMax, await fetched());
    }
    expect(read.length).toBe(10);
    expect(fetchedMax).toBeLessThan(AHEAD_MAX);
    // As the broker does after a while.
    for await (const { name } of manager.consumers.list(LOG))
      await manager.consumers.delete(LOG, name);
    release();
    await until(() => read.length >= MESSAGES);
    expect(read).toEqual(Array.from({ length: MESSAGES }, (_, i) => i + 1));
    reading.stop();
    await until(async () => (await manager.streams.info(LOG)).state.consumer_count === 0);
  });
});

describe.skipIf(isMissing)(`a bucket of keys${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('tells those that have not ended, to all alike, and leaves nothing there', async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const servers = await NatsServers.start(command, 3);
    onTestFinished(() => servers.stop());
    const bus = await busOf(servers, 3);
    const keys = await bus.openKeys('looks', 5000);
    const others = await Promise.all([0, 1].map(() => busOf(servers, 3)));
    const views = [
      keys,
      ...(await Promise.all(others.map((each) => each.openKeys('looks', 5000)))),
    ];
    const listed = async () => {
      const lists = await Promise.all(views.map((each) => each.list()));
      return lists.map((list) =>
        [...list].map(([key, value]) => `${key} ${Buffer.from(value).toString()}`),
      );
    };
    expect(await listed()).toEqual([[], [], []]);
    await keys.put('a', Buffer.from('1'));
    await keys.put('b', Buffer.from('2'));
    await keys.put('gone', Buffer.from('3'));
    await keys.delete('gone');
    for (let look = 0; look < 100; look++) {
      // Renewed by one member while others look.
      await keys.put('a', Buffer.from(String(look)));
      await keys.put('b', Buffer.from('2'));
      const all = [`a ${look}`, 'b 2'];
      for (const list of await listed()) expect(list.toSorted()).toEqual(all);
    }
    const client = await connect({ servers: servers.addresses });
    onTestFinished(() => client.close());
    const { state } = await (await jetstreamManager(client)).streams.info('KV_looks');
    expect(state.consumer_count).toBe(0);
    await until(async () => (await listed()).every((list) => list.length === 0));
  }, 60_000);
});
