import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { folderForTest } from '../support/folders.ts';

const PRELOAD = new URL('../support/slow-disk.mjs', import.meta.url).href;
const EXIT_UNSAVED = 3;
/** Of a stop: the graceful part, 10 s until the disk counts as failed, and a second. */
const STOP_MS_MAX = 30_000;

/** A server whose journal is on a disk that `slow` makes slow, and a publisher. */
async function start(mode: 'async' | 'sync') {
  const folder = folderForTest();
  const SLOW_DISK = join(folder, 'slow');
  const flags = ['--publish.acknowledge=durable', `--store.mode=${mode}`];
  const env = { PATH: process.env.PATH, SLOW_DISK, NODE_OPTIONS: `--import=${PRELOAD}` };
  const store = `--store.directory=${join(folder, 'store')}`;
  const server = new ServerProcess([...SMALL, store, ...flags], { env });
  onTestFinished(async () => {
    await server.end();
  });
  await server.listening();
  const publisher = connectPublisher(`ws://127.0.0.1:${server.port}`, { publisher: 'feed' });
  onTestFinished(() => publisher.close(0).catch(() => undefined));
  return { server, publisher, slow: (how: string) => writeFileSync(SLOW_DISK, how) };
}

function publish(publisher: Publisher, price: number): void {
  for (let i = 0; i < 100; i++) publisher.publish(`S-${i}`, price);
}

async function stop(server: ServerProcess): Promise<number> {
  const startedAt = performance.now();
  server.kill('SIGTERM');
  await server.exited;
  return performance.now() - startedAt;
}

it.each(['async', 'sync'] as const)(
  'what waits for a slow disk is saved at a stop (%s)',
  async (mode) => {
    const { publisher, server, slow } = await start(mode);
    publish(publisher, 100);
    await publisher.flush();
    slow('1500');
    publish(publisher, 101);
    await publisher.close();
    expect(publisher.totals).toMatchObject({ accepted: 200, unacknowledged: 0 });
    expect(await stop(server)).toBeLessThan(STOP_MS_MAX);
    expect(server.exit).toBe(0);
  },
);

it.each(['async', 'sync'] as const)(
  'a disk that stands still holds up neither a publisher nor a stop for long (%s)',
  async (mode) => {
    const { publisher, server, slow } = await start(mode);
    publish(publisher, 100);
    await publisher.flush();
    slow('still');
    publish(publisher, 101);
    await expect(publisher.close(500)).rejects.toThrow('no ACK for 100 ticks in 500 ms');
    expect(await stop(server)).toBeLessThan(STOP_MS_MAX);
    expect(server.output).toContain('nothing got on disk within 10 s');
    expect(server.output).toContain('not everything could be saved');
    expect(server.exit).toBe(EXIT_UNSAVED);
  },
);
