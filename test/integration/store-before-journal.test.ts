import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { folderForTest } from '../support/folders.ts';
import { layOutOldStore } from '../support/old-store.ts';
import { serverForTest, startTestServer } from '../support/running-server.ts';

it('a store without a journal starts as it did, and gets one that leads on', async () => {
  const directory = join(folderForTest(), 'store');
  layOutOldStore(directory, 2);
  const first = await startTestServer({ store: { directory } });
  // Before anything is served: the journal alone would not lead to this state.
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['journal', 'snapshot-2.tws']));
  const marker = readFileSync(join(directory, 'tickwire-store.json'), 'utf8');
  expect(JSON.parse(marker)).toMatchObject({ format: 3, isReady: true });
  const counts = async (port: number) => {
    const symbols = await new ServerApi(port).symbols();
    return symbols.map((each) => [each.symbol, each.updateCount, each.anomaliesDetected]);
  };
  expect(await counts(first.port)).toEqual([
    ['JUMPY', 13, 12],
    ['OLD', 14, 0],
    ['QUIET', 13, 0],
  ]);
  const publisher = connectPublisher(`ws://127.0.0.1:${first.port}`, { publisher: 'feed' });
  publisher.publish('JUMPY', 100, 1_700_000_000_100);
  await publisher.flush();
  await publisher.close();
  await first.stop();

  const second = await serverForTest({ processing: { partitions: 2 }, store: { directory } });
  expect((await counts(second.port))[0]).toEqual(['JUMPY', 14, 13]);
  const anomalies = await new ServerApi(second.port).anomalies('JUMPY');
  expect(anomalies.map(({ sequence }) => sequence)).toEqual(anomalies.map((_, i) => i + 1));
  expect(anomalies).toHaveLength(13);
});
