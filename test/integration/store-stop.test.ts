import { expect, it } from 'vitest';
import { connect, connectPublisher } from '../../client-sdk/src/index.ts';
import { Gateway } from '../../src/gateway/index.ts';
import { openStore } from '../../src/store/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { EngineRun } from '../support/engine-run.ts';
import { FaultyDisk, StoreFolder, StoreLines } from '../support/store-folder.ts';

const SYMBOLS = 100;
/** A symbol; fewer than memory keeps, so all are sent without HISTORY. */
const ANOMALIES = 20;
/** Longer than a stop that ignores the disk. */
const WRITE_MS = 400;

it('a stop under load delivers what a slow disk has still to make durable', async () => {
  using folder = new StoreFolder();
  const disk = new FaultyDisk();
  const options = folder.options({ mode: 'sync' });
  const store = await openStore(options, new StoreLines(), disk);
  const { engine } = await EngineRun.start({});
  const server = { port: 0, transport: 'node', drainMs: 4900 } as const;
  const context = gatewayContext(engine, { server, store: options }, store);
  const gateway = await Gateway.start(context, () => () => {
    throw new Error('HTTP is not served');
  });
  const url = `http://127.0.0.1:${gateway.port}`;
  const sequences = new Map<string, number[]>();
  const subscriber = connect(url);
  subscriber.on('anomaly', ({ symbol, sequence }) => {
    sequences.set(symbol, [...(sequences.get(symbol) ?? []), sequence]);
  });
  await subscriber.subscribe('*').ready;
  disk.writeMs = WRITE_MS;
  const publisher = connectPublisher(url, { publisher: 'feed' });
  const time = Date.now();
  for (let round = 0; round <= ANOMALIES; round++) {
    const price = round % 2 === 0 ? 100 : 103;
    for (let i = 0; i < SYMBOLS; i++) publisher.publish(`S-${i}`, price, time + round);
  }
  await publisher.flush();
  await gateway.stop();
  expect(store.waitingCount).toBe(0);
  const all = Array.from({ length: ANOMALIES }, (_, i) => i + 1);
  const expected = new Map(Array.from({ length: SYMBOLS }, (_, i) => [`S-${i}`, all]));
  await expect.poll(() => sequences).toEqual(expected);
  subscriber.close();
  await publisher.close();
  await engine.stop();
  await store.close();
});
