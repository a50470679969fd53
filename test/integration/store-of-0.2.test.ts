import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { readCommandLine } from '../../src/config/command-line.ts';
import { type JournalCommand, runJournalCommand } from '../../src/journal-tools/commands.ts';
import { folderForTest } from '../support/folders.ts';
import { HttpClient } from '../support/http-client.ts';
import { FORMAT_3_RULES, layOutOldStore } from '../support/old-store.ts';
import { serverForTest, startTestServer } from '../support/running-server.ts';

interface Items {
  readonly items: readonly Record<string, unknown>[];
}

const START = Date.UTC(2023, 10, 14, 22, 13, 20);
const at = (ms: number) => new Date(START + ms).toISOString();
/** Sequence, phase, level, reason, peak and time. */
const ALERTS = [
  [1, 'start', 'warning', undefined, 103, at(950)],
  [2, 'end', 'warning', 'settled', 103, at(1950)],
  [3, 'start', 'critical', undefined, 106, at(990)],
  [4, 'end', 'critical', 'reverted', 106, at(1000)],
];

it('store, journal and alerts that 0.2.0 left are read, and go on', async () => {
  const folder = folderForTest();
  const directory = join(folder, 'store');
  layOutOldStore(directory, 3);
  let output = '';
  const command = readCommandLine(['journal', 'verify', `--store.directory=${directory}`], {}, '/');
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      output += String(chunk);
      done();
    },
  });
  const stderr = { write: (text: string) => (output += text) };
  const status = await runJournalCommand(command as JournalCommand, { stdout, stderr });
  expect(status, output).toBe(0);
  expect(output).toMatch(/ticks +39 in/);

  const file = join(folder, 'rules.json');
  writeFileSync(file, JSON.stringify(FORMAT_3_RULES));
  const config = { store: { directory }, rules: { file } };
  const first = await startTestServer(config);
  const client = await HttpClient.connect(first.port);
  const items = async (path: string) => (await client.get<Items>(path)).json.items;
  const prices = await items('/api/prices');
  expect(prices.map(({ symbol, updateCount }) => [symbol, updateCount])).toEqual([
    ['CALM', 15],
    ['JUMPY', 13],
    ['LATER', 1],
  ]);
  expect(prices[2]).toMatchObject({ currentPrice: 0.1 + 0.2, movingAverage: 0.1 + 0.2 });
  expect((await items('/api/prices/JUMPY/ticks')).map(({ price }) => price)).toEqual([
    ...Array<number>(10).fill(100),
    103,
    106,
    100,
  ]);
  const alerts = await items('/api/alerts');
  const shown = alerts.map((alert) => {
    const { level, peak, phase, reason, sequence, time } = alert;
    return [sequence, phase, level, reason, peak, time];
  });
  expect(shown.reverse()).toEqual(ALERTS);

  const publisher = connectPublisher(`ws://127.0.0.1:${first.port}`, { publisher: 'feed' });
  publisher.publish('JUMPY', 104, START + 1100);
  await publisher.flush();
  await publisher.close();
  await first.stop();
  const second = await serverForTest(config);
  const again = await HttpClient.connect(second.port);
  const anomalies = (await again.get<Items>('/api/prices/JUMPY/anomalies')).json.items;
  expect(anomalies.map(({ sequence, newPrice }) => [sequence, newPrice])).toEqual([
    [1, 103],
    [2, 106],
    [3, 100],
    [4, 104],
  ]);
});
