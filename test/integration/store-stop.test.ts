import { expect, it } from 'vitest';
import { connect, connectPublisher } from '../../client-sdk/src/index.ts';
import { Gateway } from '../../src/gateway/index.ts';
import { openStoreWith } from '../../src/store/disk-store.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { EngineRun } from '../support/engine-run.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';
import { StoreFolder, StoreLines } from '../support/store-folder.ts';

const TICKS = 2001;

/** Longer than a stop takes that does not wait for the disk. */
const WRITE_MS = 400;

it('a stop under load delivers what a slow disk has still to make durable', async () => {
  using folder = new StoreFolder();
  const disk = new FaultyDisk();
  const options = folder.options({ mode: 'sync' });
  const store = await openStoreWith(options, new StoreLines(), disk);
  const { engine } = await EngineRun.start({});
  const config = { server: { port: 0, transport: 'node', drainMs: 4900 }, store: options };
  const gateway = await Gateway.start(gatewayContext(engine, config, store), () => {
    throw new Error('no request is made');
  });
  const url = `http://127.0.0.1:${gateway.port}`;
  const sequences: number[] = [];
  const subscriber = connect(url);
  subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
  await subscriber.subscribe('*').ready;
  disk.writeMs = WRITE_MS;
  const publisher = connectPublisher(url, { publisher: 'feed' });
  const time = Date.now();
  for (let i = 0; i < TICKS; i++) publisher.publish('BTC', i % 2 === 0 ? 100 : 103, time + i);
  await publisher.flush();
  await gateway.stop();
  const expected = Array.from({ length: TICKS - 1 }, (_, i) => i + 1);
  expect(store.waitingCount).toBe(0);
  await expect.poll(() => sequences).toEqual(expected);
  subscriber.close();
  await publisher.close();
  await engine.stop();
  await store.close();
});
