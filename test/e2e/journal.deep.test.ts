import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { runKillDrill } from '../../loadgen/soak/kill-drill.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { folderForTest } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const NOBODY = new AbortController().signal;

it('kill -9 loses nothing acknowledged as durable, and doubles nothing', async () => {
  const lines: string[] = [];
  const violations = await runKillDrill({
    seed: 7,
    rate: 10_000,
    signal: NOBODY,
    plans: [{ acknowledge: 'durable', kills: 3 }],
    progress: (line) => lines.push(line),
  });
  expect(violations, lines.join('\n')).toEqual([]);
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).toMatch(/ 0 acknowledged ticks lost .* [1-9]\d* replayed/);
}, 180_000);

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
