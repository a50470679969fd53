import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { NO_DISK_FAULT } from '../../loadgen/soak/faults/controls.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { postPrices } from '../support/raw-http.ts';

const HOUR_MS = 3_600_000;

/** What the soak makes of a server: faults that are none would prove nothing. */
describe('the faults of a soak', () => {
  let server: DurableServer;
  let api: ServerApi;

  beforeAll(async () => {
    server = await DurableServer.create(['--store.snapshotIntervalMs=50']);
    await server.start(['--processing.partitions=1']);
    api = new ServerApi(server.port);
  });
  afterAll(() => server.remove());

  const post = async (price: number, timestamp = Date.now(), symbol = 'S') =>
    (await postPrices(server.port, { symbol, price, timestamp })).status;
  const metric = async (name: string) => (await api.metrics()).get(name) ?? 0;
  const until = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) await sleep(10);
  };

  it('set the clock of the server back, and right again', async () => {
    expect(await post(1)).toBe(202);
    await server.setClock(-HOUR_MS);
    expect(await post(1)).toBe(400);
    await server.setClock(HOUR_MS);
    expect(await post(1, Date.now() + HOUR_MS)).toBe(202);
    await server.setClock(0);
    expect(await post(1, Date.now() + HOUR_MS)).toBe(400);
  });

  it.each(['open', 'write', 'sync', 'rename', 'readdir'] as const)(
    'make %s fail, in the directory of the store alone',
    async (operation) => {
      const failed = await metric('tickwire_snapshots_total{result="failed"}');
      await server.failDisk({ operation, error: 'EIO' });
      // Without a change there is no snapshot.
      const changed = async (result: string) => {
        await post(1);
        return metric(`tickwire_snapshots_total{result="${result}"}`);
      };
      await until(async () => (await changed('failed')) > failed);
      await server.failDisk(NO_DISK_FAULT);
      const saved = await metric('tickwire_snapshots_total{result="saved"}');
      await until(async () => (await changed('saved')) > saved);
    },
  );

  it('make commits stall: anomalies wait meanwhile', async () => {
    await server.failDisk({ operation: 'commit' });
    for (const price of [1, 2]) expect(await post(price, Date.now(), 'JUMPS')).toBe(202);
    await until(async () => (await metric('tickwire_store_waiting_anomalies')) > 0);
    await server.failDisk(NO_DISK_FAULT);
    await until(async () => (await metric('tickwire_store_waiting_anomalies')) === 0);
  });
});
