import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Doorbell } from '../../src/engine/index.ts';
import {
  diskSegments,
  Journal,
  JournalError,
  RingConsumer,
  SegmentWriter,
  type StartJournalWriter,
} from '../../src/journal/index.ts';
import { folderForTest } from '../support/folders.ts';
import { collectingLog, entriesOf } from '../support/journal-rig.ts';

const STALLED_MS = 200;
const EVENTS = { onLost: () => undefined, onGapEnd: () => undefined };

/** A disk that stands still when it is told to; the writer is the real one. */
class Disk {
  readonly directory = folderForTest();
  isStill = false;

  readonly start: StartJournalWriter = (data) => {
    const files = diskSegments(this.directory);
    const writer = new SegmentWriter(
      new RingConsumer(data.ring, data.start, data.synced),
      files,
      data.options,
    );
    const doorbell = new Doorbell(data.doorbell);
    let onEnd: (() => void) | undefined;
    const timer = setInterval(() => {
      if (this.isStill) return;
      writer.step(performance.now(), true);
      doorbell.ring();
      if (onEnd === undefined) return;
      clearInterval(timer);
      writer.close();
      onEnd();
    }, 5);
    onTestFinished(() => clearInterval(timer));
    const close = () => new Promise<void>((resolve) => (onEnd = resolve));
    return { retain: () => undefined, close };
  };

  open(log = collectingLog()): Promise<Journal> {
    const options = {
      directory: this.directory,
      start: 0,
      syncMs: 0,
      run: 'run',
      startedAt: 1,
      partitions: 1,
      names: { symbol: (id: number) => `S${id}`, publisher: (id: number) => `publisher-${id}` },
      offered: () => undefined,
      mayGap: false,
      retention: { ageMs: 0, bytes: 0 },
      stalledMs: STALLED_MS,
    };
    return Journal.open(options, log, EVENTS, this.start);
  }
}

function append(journal: Journal): number {
  const column = Float64Array.of(1);
  journal.appender.appendTicks(0, 1, 5, Uint32Array.of(1), column, column, 1);
  return journal.position;
}

it('a disk that stands still is a fault, until it goes on', async () => {
  const disk = new Disk();
  const log = collectingLog();
  const journal = await disk.open(log);
  // Without anything to write, it is none.
  disk.isStill = true;
  await delay(2 * STALLED_MS);
  expect(journal.fault).toBeUndefined();
  const position = append(journal);
  await expect.poll(() => journal.fault).toBe('nothing got on disk within 0.2 s');
  disk.isStill = false;
  expect(await journal.whenSynced(position)).toBe(true);
  await expect.poll(() => journal.fault).toBeUndefined();
  await journal.close();
  expect(log.lines.map((line) => line.split(' {')[0])).toEqual([
    'error: the journal cannot be written',
    'info: the journal can be written again',
  ]);
  expect(entriesOf(diskSegments(disk.directory)).at(-1)).toMatch(/^close \d+$/);
});

it('a close gives up a disk that stands still, before it or meanwhile', async () => {
  for (const isKnown of [false, true]) {
    const disk = new Disk();
    const log = collectingLog();
    const journal = await disk.open(log);
    disk.isStill = true;
    const position = append(journal);
    if (isKnown) await expect.poll(() => journal.fault).toBeDefined();
    const synced = journal.whenSynced(position);
    await journal.close();
    expect(await synced).toBe(false);
    const bytes = position - journal.syncedPosition;
    const said = `error: the end of the journal is lost: the disk fails {"bytes":${bytes}}`;
    expect(log.lines.at(-1)).toBe(said);
  }
}, 20_000);

it('no journal is opened on a disk that stands still', async () => {
  const disk = new Disk();
  disk.isStill = true;
  const opened = disk.open();
  await expect(opened).rejects.toThrow(/cannot be written: nothing got on disk within 0.2 s/);
  await expect(opened).rejects.toThrow(JournalError);
});
