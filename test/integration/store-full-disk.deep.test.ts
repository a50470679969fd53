import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connect, connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import { startTestServer } from '../support/running-server.ts';
import { canMount, SmallDisk } from '../support/store-folder.ts';

async function publish(publisher: Publisher, prices: readonly number[], from: number) {
  for (const [i, price] of prices.entries()) publisher.publish('BTC', price, from + i);
  await publisher.flush();
}

describe.skipIf(!canMount())('a server whose disk is full', () => {
  it('serves on, is not ready, and recovers when there is room', async () => {
    using disk = new SmallDisk(12 << 20);
    const server = await startTestServer({
      store: { directory: join(disk.path, 'store'), snapshotIntervalMs: 50 },
    });
    const url = `http://127.0.0.1:${server.port}`;
    const ballast = join(disk.path, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(16 << 20))).toThrow('ENOSPC');
    const publisher = connectPublisher(url);
    const prices = Array.from({ length: 8001 }, (_, i) => (i % 2 === 0 ? 100 : 103));
    await publish(publisher, prices, Date.now() - 9000);
    const ready = async () => (await fetch(`${url}/readyz`)).status;
    await expect.poll(ready, { timeout: 30_000 }).toBe(503);
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({
      detail: expect.stringContaining('the store'),
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('tickwire_store_ok 0\n');
    const subscriber = connect(url);
    expect((await subscriber.history('BTC', 7000, 1000)).anomalies).toHaveLength(1000);
    rmSync(ballast);
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
    await expect
      .poll(async () => (await (await fetch(`${url}/metrics`)).text()).split('\n'))
      .toContain('tickwire_store_waiting_anomalies 0');
    subscriber.close();
    await publisher.close();
    await server.stop().catch(() => undefined);
    expect(server.faults.join()).toContain('the store cannot be written');
    (server.faults as string[]).length = 0;
  });
});
