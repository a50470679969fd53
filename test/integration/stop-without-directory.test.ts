import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { startServer } from '../../src/server.ts';
import { folderForTest } from '../support/folders.ts';

/** Of a stop: the graceful part, a second for the snapshot, one for the journal, the store. */
const STOP_MS_MAX = 15_000;

it.each([
  ['sync', 'accepted'],
  ['sync', 'durable'],
  ['async', 'durable'],
] as const)(
  'a server whose directory is gone stops, and says what is lost (%s, %s)',
  async (mode, acknowledge) => {
    const directory = join(folderForTest(), 'store');
    const lines: string[] = [];
    const server = await startServer(
      parseConfig({
        server: { port: 0, drainMs: 500 },
        processing: { partitions: 2 },
        publish: { acknowledge },
        store: { directory, mode },
      }),
      pino({ level: 'info' }, { write: (line: string) => lines.push(line) }),
    );
    const publisher = connectPublisher(`ws://127.0.0.1:${server.port}`, { publisher: 'feed' });
    publisher.publish('A', 100);
    await publisher.flush();
    renameSync(directory, `${directory}-aside`);
    // Never on disk, so under sync never applied: no snapshot can be past it.
    for (let i = 0; i < 1000; i++) publisher.publish(`S-${i}`, 100);
    await expect.poll(() => publisher.totals.buffered).toBe(0);
    const startedAt = performance.now();
    const unsaved = await server.stop();
    expect(performance.now() - startedAt).toBeLessThan(STOP_MS_MAX);
    expect(unsaved).toEqual([expect.stringMatching(/^the last snapshot: .* is gone/)]);
    const said = lines.join('');
    expect(said).toContain('the journal cannot be written');
    expect(said).toContain('the end of the journal is lost');
    await publisher.close(0).catch(() => undefined);
  },
);
