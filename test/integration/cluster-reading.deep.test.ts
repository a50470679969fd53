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

const command = await findNatsServer();
const isMissing = command === undefined && !process.env.CI;

describe.skipIf(isMissing)(`reading a log${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('waits where its handler waits, and leaves the rest to the broker', async () => {
    if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
    const servers = await NatsServers.start(command);
    onTestFinished(() => servers.stop());
    const config = defaultConfig();
    const cluster = { ...config.cluster, servers: servers.addresses, replicas: 1 };
    const bus = await connectToNats({ ...config, cluster }, QUIET);
    onTestFinished(() => bus.close());
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
    release();
    await until(() => read.length >= MESSAGES);
    expect(read).toEqual(Array.from({ length: MESSAGES }, (_, i) => i + 1));
  });
});
