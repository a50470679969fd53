import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import { folderForTest } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';

/** Several starts in a test take seconds on a busy machine. */
const PATIENCE = { timeout: 30_000 };

let directory: string;
const servers: ServerProcess[] = [];

beforeEach(async () => {
  // Reconnect quickly.
  vi.spyOn(Math, 'random').mockReturnValue(0.02);
  directory = folderForTest();
});
afterEach(async () => {
  vi.restoreAllMocks();
  // A live one continues to write.
  await Promise.all(servers.splice(0).map((server) => server.end()));
});

async function start(port: number, flags: readonly string[]): Promise<ServerProcess> {
  const server = await serverProcessForTest([
    `--server.port=${port}`,
    `--store.directory=${directory}`,
    '--processing.overflow=wait',
    ...flags,
  ]);
  servers.push(server);
  return server;
}

/** Publishes rising prices until aborted; returns their count. */
async function publishUntil(publisher: Publisher, signal: AbortSignal): Promise<number> {
  let ticks = 0;
  while (!signal.aborted) {
    for (let i = 0; i < 100; i++) {
      await publisher.ready;
      publisher.publish('COUNT', 1e6 + ticks++);
    }
    await sleep(2);
  }
  return ticks;
}

async function countOf(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/prices/COUNT`);
  return answer.ok ? ((await answer.json()) as { updateCount: number }).updateCount : 0;
}

describe('kill -9 of the server, in the middle of publishing', () => {
  it('loses nothing and doubles nothing where acknowledgements wait for the disk', async () => {
    const flags = ['--publish.acknowledge=durable', '--store.snapshotIntervalMs=100'];
    let server = await start(0, flags);
    const { port } = server;
    const publisher = connectPublisher(`ws://127.0.0.1:${port}`, { publisher: 'feed' });
    const stop = new AbortController();
    const publishing = publishUntil(publisher, stop.signal);
    for (let round = 0; round < 2; round++) {
      await sleep(330);
      server.kill('SIGKILL');
      await server.exited;
      server = await start(port, flags);
      await expect.poll(() => publisher.totals.reconnects, PATIENCE).toBe(round + 1);
    }
    stop.abort();
    const published = await publishing;
    await publisher.flush();
    await expect.poll(() => countOf(port), PATIENCE).toBe(published);
    expect(publisher.totals).toMatchObject({ sent: published, unacknowledged: 0, reconnects: 2 });
    await publisher.close();
  });

  it('loses none that a snapshot has, on another port', async () => {
    const flags = ['--store.snapshotIntervalMs=200'];
    let server = await start(0, flags);
    const { port } = server;
    const publisher = connectPublisher(`ws://127.0.0.1:${port}`, { publisher: 'feed' });
    let acknowledged = 0;
    publisher.on('ack', ({ ticks }) => {
      acknowledged += ticks;
    });
    const stop = new AbortController();
    const publishing = publishUntil(publisher, stop.signal);
    await expect.poll(() => acknowledged, PATIENCE).toBeGreaterThan(0);
    // The one in progress may predate the first tick; the next does not.
    const snapshots = await newestSnapshot();
    // Later snapshots hold all of these.
    const kept = acknowledged;
    await expect.poll(newestSnapshot, PATIENCE).toBeGreaterThan(snapshots + 2);
    server.kill('SIGKILL');
    await server.exited;
    // What was sent before the end was read.
    await expect.poll(() => publisher.state, PATIENCE).toBe('reconnecting');
    const known = acknowledged;
    // First on a port that the publisher does not try, so that it adds nothing.
    server = await start(0, flags);
    const restored = await countOf(server.port);
    await server.end();
    expect(kept).toBeGreaterThan(0);
    expect(restored).toBeGreaterThanOrEqual(kept);
    server = await start(port, flags);
    await expect.poll(() => publisher.totals.reconnects, PATIENCE).toBe(1);
    stop.abort();
    const published = await publishing;
    await publisher.flush();
    // The publisher resent what was unacknowledged; what the server forgot is missing, once.
    const lost = Math.max(0, known - restored);
    await expect.poll(() => countOf(port), PATIENCE).toBe(published - lost);
    expect(lost).toBeLessThanOrEqual(known - kept);
    await publisher.close();
  });

  it('keeps every anomaly that was delivered, in sync mode', async () => {
    const flags = ['--store.mode=sync', '--store.snapshotIntervalMs=0'];
    let server = await start(0, flags);
    const { port } = server;
    const url = `ws://127.0.0.1:${port}`;
    const subscriber = connect(url, { giveUpAfterMs: 0 });
    const delivered: number[] = [];
    subscriber.on('anomaly', ({ sequence }) => delivered.push(sequence));
    await subscriber.subscribe('*').ready;
    const publisher = connectPublisher(url, { publisher: 'feed', giveUpAfterMs: 0 });
    for (let i = 0; i < 2000; i++) publisher.publish('JUMPY', i % 2 === 0 ? 100 : 103);
    await expect.poll(() => delivered.length, PATIENCE).toBeGreaterThan(100);
    server.kill('SIGKILL');
    await server.exited;
    const last = delivered.at(-1) as number;
    expect(delivered).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    server = await start(port, flags);
    const again = connect(url);
    const { anomalies } = await again.history('JUMPY', 0, 10_000);
    expect(anomalies.length).toBeGreaterThanOrEqual(Math.min(last, 1000));
    expect(anomalies.map(({ sequence }) => sequence)).toEqual(anomalies.map((_, i) => i + 1));
    again.close();
  });

  it('keeps the anomalies of the ticks that a snapshot has, in async mode', async () => {
    const flags = ['--store.mode=async', '--store.snapshotIntervalMs=50'];
    for (let round = 0; round < 2; round++) {
      const server = await start(0, flags);
      const publisher = connectPublisher(`ws://127.0.0.1:${server.port}`);
      let ticks = 0;
      const timer = setInterval(() => publisher.publish('JUMPY', ticks++ % 2 === 0 ? 100 : 103), 1);
      const known = await newestSnapshot();
      while ((await newestSnapshot()) < known + 3) await sleep(1);
      server.kill('SIGKILL');
      await server.exited;
      clearInterval(timer);
      publisher.close(0).catch(() => undefined);
    }
    const { port } = await start(0, flags);
    const api = new ServerApi(port);
    const anomalies = await api.anomalies('JUMPY');
    expect(anomalies.map(({ sequence }) => sequence)).toEqual(anomalies.map((_, i) => i + 1));
    expect(await api.symbol('JUMPY')).toMatchObject({ anomaliesDetected: anomalies.length });
  });
});

async function newestSnapshot(): Promise<number> {
  const numbers = (await readdir(directory)).map((name) => /^snapshot-(\d+)\.tws$/.exec(name)?.[1]);
  return Math.max(0, ...numbers.map((number) => Number(number ?? 0)));
}
