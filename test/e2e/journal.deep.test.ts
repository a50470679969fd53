import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { folderForTest } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const SOAK = new URL('../../dist/loadgen/soak.js', import.meta.url).pathname;

it('kill -9 loses nothing acknowledged as durable, and doubles nothing', async () => {
  // 3 kills under durable, 1 under accepted; then everything is held against the recomputation.
  const args = [SOAK, '--drill', 'kill', '--kills', '3', '--rate', '5000', '--seed', '7'];
  const { stderr, stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toBe('nothing else is missing\n');
  const kills = stderr.split('\n').filter((line) => line.startsWith('durable'));
  expect(kills).toHaveLength(3);
  for (const line of kills) expect(line).toMatch(/ 0 acknowledged ticks lost .* [1-9]\d* replayed/);
}, 240_000);

it('an acknowledgement as durable takes a sync, not a snapshot', async () => {
  const directory = folderForTest();
  const flags = [
    `--store.directory=${directory}`,
    '--publish.acknowledge=durable',
    '--store.snapshotIntervalMs=0',
  ];
  const server = await serverProcessForTest(flags);
  const publisher = connectPublisher(`ws://127.0.0.1:${server.port}`, { publisher: 'feed' });
  for (let i = 0; i < 20; i++) {
    publisher.publish('A', 100 + i);
    await publisher.flush();
    expect(publisher.totals.unacknowledged).toBe(0);
  }
  await publisher.close();
  // The kernel has every byte of the journal.
  await server.end();
  const again = await serverProcessForTest([`--store.directory=${directory}`]);
  expect(await new ServerApi(again.port).symbol('A')).toMatchObject({ updateCount: 20 });
}, 60_000);
