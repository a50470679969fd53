import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  diskSegments,
  findEnd,
  Journal,
  JournalError,
  type JournalOptions,
  RingConsumer,
  SegmentWriter,
  segmentName,
  startJournalWriter,
} from '../../src/journal/index.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { collectingLog, entriesOf } from '../support/journal-rig.ts';

const EVENTS = { onLost: () => undefined, onGapEnd: () => undefined };

function optionsFor(directory: string, more: Partial<JournalOptions> = {}): JournalOptions {
  return {
    directory,
    start: 0,
    syncMs: 5,
    run: 'run',
    startedAt: 1,
    partitions: 1,
    names: { symbol: (id) => `S${id}`, publisher: (id) => `publisher-${id}` },
    offered: () => undefined,
    mayGap: false,
    retention: { ageMs: 0, bytes: 0 },
    ...more,
  };
}

function append(journal: Journal, sequence: number): number {
  const column = Float64Array.of(sequence);
  journal.appender.appendTicks(0, sequence, 5, Uint32Array.of(1), column, column, 1);
  return journal.position;
}

describe('the thread of the journal', () => {
  test.each([0, 5, 50])('makes entries durable, syncMs %i', async (syncMs) => {
    using folder = new TempFolder();
    const directory = folder.path;
    const journal = await Journal.open(optionsFor(directory, { syncMs }), collectingLog(), EVENTS);
    const seen: number[] = [];
    journal.listen((synced) => seen.push(synced));
    for (let i = 1; i <= 20; i++) expect(await journal.whenSynced(append(journal, i))).toBe(true);
    expect(seen.at(-1)).toBe(journal.position);
    expect(entriesOf(diskSegments(directory)).at(-1)).toMatch('#20');
    const last = append(journal, 21);
    await journal.close();
    const end = findEnd(diskSegments(directory));
    expect(end).toMatchObject({ position: journal.position, changedTo: last, tornBytes: 0 });
    expect(await journal.whenSynced(journal.position + 8)).toBe(false);
  });

  test('begins a segment where the last run ended', async () => {
    using folder = new TempFolder();
    const directory = folder.path;
    const first = await Journal.open(optionsFor(directory), collectingLog(), EVENTS);
    append(first, 1);
    await first.close();
    const start = findEnd(diskSegments(directory)).position;
    const second = await Journal.open(
      optionsFor(directory, { start, run: 'second' }),
      collectingLog(),
      EVENTS,
    );
    append(second, 2);
    await second.close();
    expect(entriesOf(diskSegments(directory))).toEqual([
      'segment 0 of run',
      'symbol 1 S1',
      'ticks p0 #1 5 1:1@1',
      expect.stringMatching(/^close \d+$/),
      `segment ${start} of second`,
      'symbol 1 S1',
      'ticks p0 #2 5 1:2@2',
      expect.stringMatching(/^close \d+$/),
    ]);
  });

  test('removes what recovery no longer needs', async () => {
    using folder = new TempFolder();
    const directory = folder.path;
    const sizes = { ringBytes: 65_536, segmentBytes: 4096, blockBytes: 4096 };
    const journal = await Journal.open(optionsFor(directory, sizes), collectingLog(), EVENTS);
    for (let i = 1; i <= 1000; i++) {
      append(journal, i);
      if (i % 100 === 0) await journal.whenSynced(journal.position);
    }
    expect(readdirSync(directory).length).toBeGreaterThan(10);
    journal.retain(journal.position);
    await expect.poll(() => readdirSync(directory).length).toBe(1);
    await journal.close();
  });

  test('says why a directory cannot be written', async () => {
    const opened = Journal.open(optionsFor('/proc/journal'), collectingLog(), EVENTS);
    await expect(opened).rejects.toThrow(/\/proc\/journal cannot be made/);
    await expect(opened).rejects.toThrow(JournalError);
  });

  test('is replaced by one that goes on from what is on disk', async () => {
    using folder = new TempFolder();
    const { path } = folder;
    let died: () => void = () => undefined;
    const log = collectingLog();
    const journal = await Journal.open(optionsFor(path), log, EVENTS, (data, onReport, onDeath) => {
      // The first is of the test, which ends it with an entry half written.
      if (data.synced > 0) return startJournalWriter(data, onReport, onDeath);
      const writer = new SegmentWriter(
        new RingConsumer(data.ring, data.start),
        diskSegments(path),
        data.options,
      );
      writer.step(0, true);
      died = () => {
        appendFileSync(join(path, segmentName(0)), 'half an entry');
        onDeath('planted');
      };
      return { retain: () => undefined, close: async () => undefined };
    });
    const position = append(journal, 1);
    died();
    expect(journal.fault).toMatch('planted');
    expect(await journal.whenSynced(position)).toBe(true);
    await expect.poll(() => journal.fault).toBeUndefined();
    await journal.close();
    expect(entriesOf(diskSegments(path)).at(-2)).toMatch('#1');
    expect(findEnd(diskSegments(path))).toMatchObject({ changedTo: position, tornBytes: 0 });
    expect(log.lines.map((line) => line.split(' {')[0])).toEqual([
      'error: the journal cannot be written',
      'info: the journal can be written again',
    ]);
  });
});
