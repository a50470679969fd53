import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { postPrices } from '../support/raw-http.ts';

const DEADLINE_MS = 40_000;

it('turns not ready when a worker dies too often, says which, and goes on serving', async () => {
  const server = await DurableServer.create(['--processing.partitions=2']);
  onTestFinished(() => server.remove());
  await server.start();
  const api = new ServerApi(server.port);
  const restarts = async (partition: number) => {
    const name = `tickwire_worker_restarts_total{partition="${partition}"}`;
    return (await api.metrics()).get(name) ?? Number.NaN;
  };
  const until = performance.now() + DEADLINE_MS;
  expect(await api.readiness()).toMatch(/^200 /);
  // Retries: one that has not started cannot be killed.
  while ((await restarts(1)) < 5) {
    await server.killWorker(1);
    expect(performance.now(), 'the worker does not die').toBeLessThan(until);
    await sleep(100);
  }
  expect(await api.readiness()).toMatch(
    /^503 .*the worker of partition 1 died 5 times within a minute/,
  );
  expect(await restarts(0)).toBe(0);
  const tick = { symbol: 'ALIVE', price: 7 };
  const response = await postPrices(server.port, tick);
  expect(response.ok).toBe(true);
  while ((await api.symbol('ALIVE')) === undefined) {
    expect(performance.now(), 'the tick is not applied').toBeLessThan(until);
    await sleep(10);
  }
});
