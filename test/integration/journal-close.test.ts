import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { diskSegments } from '../../src/journal/index.ts';
import { folderForTest } from '../support/folders.ts';
import { entriesOf } from '../support/journal-rig.ts';
import { startTestServer } from '../support/running-server.ts';

const NOT_STOPPED = 'the last run was not stopped';

it('a start behind a stop knows that nothing is missing, and replays nothing', async () => {
  const directory = join(folderForTest(), 'store');
  const files = diskSegments(join(directory, 'journal'));
  for (let run = 1; run <= 3; run++) {
    const server = await startTestServer({ store: { directory } }, { logLevel: 'trace' });
    const publisher = connectPublisher(`ws://127.0.0.1:${server.port}`, { publisher: 'feed' });
    // A run without ticks leaves no more than its beginning and end.
    if (run !== 2) publisher.publish('A', 100 + run);
    await publisher.close();
    await server.stop();
    const said = server.lines.join('');
    expect(said).not.toContain(NOT_STOPPED);
    expect(said).not.toContain('replaying');
    expect(entriesOf(files).filter((entry) => entry.startsWith('close'))).toHaveLength(run);
    expect(entriesOf(files).at(-1)).toMatch(/^close/);
  }
});

it('a start behind a kill says that it may', async () => {
  const directory = join(folderForTest(), 'store');
  const first = await startTestServer({ store: { directory } });
  await first.stop();
  // As if the first had been killed before its last entry.
  const files = diskSegments(join(directory, 'journal'));
  const { name, start } = files.list().at(-1) ?? { name: '', start: 0 };
  const file = files.open(name, 'write');
  file.truncate(file.bytes - 24);
  file.close();
  const second = await startTestServer({ store: { directory } }, { logLevel: 'trace' });
  await second.stop();
  expect(second.lines.join('')).toContain(NOT_STOPPED);
  expect(start).toBe(0);
});
