import { describe, expect, test } from 'vitest';
import {
  findEnd,
  JournalReader,
  LostCause,
  repairTail,
  segmentName,
} from '../../src/journal/index.ts';
import { removeSegments } from '../../src/journal/retention.ts';
import { entriesOf, JournalRig, MemoryDisk } from '../support/journal-rig.ts';

describe('entries', () => {
  test('are read as they were appended, declarations before their first use', () => {
    const rig = new JournalRig();
    rig.appender.declareSymbol(3, { anomalies: 7, alerts: 5 });
    rig.appender.declareSymbol(9, { anomalies: 0, alerts: 0 });
    rig.frame(
      [
        [3, 1.5, 10],
        [9, 2, 11],
        [3, 2.5, 12],
      ],
      4,
      2,
    );
    rig.frame([], 5, 2);
    rig.appender.appendRetire([3, 9], [-1, 12]);
    rig.appender.appendLost(0, 5, 9, LostCause.SKIPPED);
    expect(rig.appender.appendClock(1250.5)).toBe(true);
    rig.flush();
    expect(entriesOf(rig.disk)).toEqual([
      'segment 0 of run',
      'publisher 2 publisher-2',
      'symbol 3 S3 new 7',
      'alerts of 3 after 5',
      'symbol 9 S9 new 0',
      'ticks p2 #4 1004 3:1.5@10 9:2@11 3:2.5@12',
      'ticks p2 #5 1005',
      'retire 3/-1 9/12',
      'lost 0 5-9 2',
      'clock 1250.5',
    ]);
    expect(findEnd(rig.disk)).toMatchObject({ position: rig.appender.position, tornBytes: 0 });
  });

  test('of an id that another symbol got declare the new name, also within a segment', () => {
    const rig = new JournalRig();
    rig.frame([[3, 1, 1]], 1);
    rig.appender.appendRetire([3], [-1]);
    rig.names.set(3, 'another');
    rig.appender.declareSymbol(3, { anomalies: 2, alerts: 0 });
    rig.frame([[3, 2, 2]], 2);
    rig.frame([[3, 3, 3]], 3);
    rig.flush();
    expect(entriesOf(rig.disk)).toEqual([
      'segment 0 of run',
      expect.stringMatching(/^symbol 3 S3/),
      expect.stringMatching(/^ticks .*3:1@1$/),
      'retire 3/-1',
      'symbol 3 another new 2',
      expect.stringMatching(/^ticks .*3:2@2$/),
      expect.stringMatching(/^ticks .*3:3@3$/),
    ]);
  });

  test('of each segment declare what it uses', () => {
    const rig = new JournalRig();
    for (let i = 1; i <= 2000; i++) {
      rig.frame([[i % 7, i, i]], i, 1);
      if (i % 50 === 0) rig.flush();
    }
    const entries = entriesOf(rig.disk);
    const segments = entries.filter((entry) => entry.startsWith('segment'));
    expect(segments.length).toBeGreaterThan(5);
    expect(entries.filter((entry) => entry === 'symbol 3 S3')).toHaveLength(segments.length);
    expect(entries.filter((entry) => entry.startsWith('ticks'))).toHaveLength(2000);
    // From any entry on, with what its segment declared before.
    const reader = new JournalReader(rig.disk);
    let position = 0;
    for (let i = 0; i < 1500; i++) {
      reader.next();
      ({ position } = reader);
    }
    const rest = entriesOf(rig.disk, position);
    expect(rest.slice(-entries.length + 1500 - 1)).toEqual(entries.slice(1499));
    expect(rest).toContain('symbol 3 S3');
    expect(rest[0]).toMatch('segment');
  });

  test('of a large frame are cut off together', () => {
    const disk = new MemoryDisk();
    const options = { ringBytes: 1 << 20, segmentBytes: 1 << 20, blockBytes: 1 << 18 };
    const rig = new JournalRig(disk, options);
    rig.frame([[1, 1, 1]], 1);
    const { position } = rig.appender;
    rig.frame(
      Array.from({ length: 10_000 }, (_, i) => [i % 5, i, i] as const),
      2,
    );
    rig.flush();
    const [name = '', bytes = new Uint8Array(0)] = [...disk.contents][0] ?? [];
    expect(entriesOf(disk).filter((entry) => entry.includes('#2'))).toHaveLength(3);
    disk.contents.set(name, bytes.slice(0, bytes.length - 8));
    expect(repairTail(disk)).toMatchObject({ position, tornBytes: bytes.length - 8 - position });
    expect(entriesOf(disk).at(-1)).toMatch('#1');
  });
});

describe('the end of a run that was stopped', () => {
  test('says so, until another run goes on behind it', () => {
    const disk = new MemoryDisk();
    const rig = new JournalRig(disk);
    rig.frame([[1, 1, 1]], 1);
    const changedTo = rig.appender.position;
    rig.flush();
    expect(findEnd(disk)).toMatchObject({ position: changedTo, changedTo, closedAt: undefined });
    rig.appender.appendClose(1234.5);
    rig.flush();
    const { position } = rig.appender;
    expect(entriesOf(disk).at(-1)).toBe('close 1234.5');
    const end = { position, changedTo, closedAt: 1234.5, tornBytes: 0 };
    expect(repairTail(disk)).toMatchObject(end);
    // A start that was killed at its first entry changes nothing.
    disk.contents.set(segmentName(position), new Uint8Array(30));
    expect(repairTail(disk)).toMatchObject({ ...end, tornBytes: 30 });
    expect(disk.list()).toHaveLength(1);
    new JournalRig(disk, { start: position, run: 'next' }).flush();
    const { position: behind } = findEnd(disk);
    expect(behind).toBeGreaterThan(position);
    expect(findEnd(disk)).toMatchObject({ changedTo: position, closedAt: undefined });
  });

  test('does not, where entries are missing or there is no space', () => {
    const rig = new JournalRig(new MemoryDisk(), { mayGap: true });
    for (let i = 1; !rig.appender.isInGap; i++) rig.frame([[1, i, i]], i);
    rig.flush();
    rig.appender.appendClose(1);
    rig.flush();
    expect(rig.appender.isInGap).toBe(true);
    expect(entriesOf(rig.disk).at(-1)).toMatch(/^ticks/);
    const full = new JournalRig(new MemoryDisk());
    for (let i = 1; full.frame([[1, i, i]], i); i++);
    const free = () => full.producer.ringBytes - (full.appender.position - full.producer.synced);
    for (let i = 0; free() >= 80; i++) full.appender.appendLost(0, i, i + 1, LostCause.LAPPED);
    full.appender.appendClose(1);
    full.flush();
    expect(entriesOf(full.disk).at(-1)).toMatch(/^lost/);
  });
});

describe('the end that a killed process left', () => {
  test('is on disk before another run goes on behind it', () => {
    const disk = new MemoryDisk();
    const rig = new JournalRig(disk, { syncMs: 1_000_000 });
    rig.flush();
    rig.frame([[1, 1, 1]], 1);
    rig.writer.step(rig.now);
    const [name = '', bytes] = [...disk.contents][0] ?? [];
    expect(disk.synced.get(name)?.length).toBeLessThan(bytes?.length ?? 0);
    expect(repairTail(disk)).toMatchObject({ position: rig.appender.position, tornBytes: 0 });
    expect(disk.synced.get(name)).toEqual(bytes);
  });
});

describe('segments', () => {
  /** A disk with segments of which each was written a second after the one before. */
  function fill() {
    const disk = new MemoryDisk();
    const rig = new JournalRig(disk);
    for (let i = 1; i <= 3000; i++) {
      disk.now = i;
      rig.frame([[1, i, i]]);
      if (i % 50 === 0) rig.flush();
    }
    return disk;
  }
  const keepNothing = { ageMs: 0, bytes: 0 };

  test('are kept from the one that recovery needs', () => {
    const disk = fill();
    const starts = disk.list().map(({ start }) => start);
    const third = starts[2] ?? 0;
    expect(removeSegments(disk, keepNothing, third + 8)).toBe(third);
    expect(disk.list().map(({ start }) => start)).toEqual(starts.slice(2));
    expect(removeSegments(disk, keepNothing, Number.POSITIVE_INFINITY)).toBe(starts.at(-1));
    expect(disk.list()).toHaveLength(1);
  });

  test('are kept while they are young, up to a number of bytes', () => {
    const disk = fill();
    const segments = disk.list();
    const end = segments.at(-1)?.start ?? 0;
    const now = 3000;
    const fourth = segments[3] ?? { start: 0, name: '' };
    const retention = { ageMs: now - disk.writtenAt(fourth.name) + 1, bytes: 1e9 };
    expect(removeSegments(disk, retention, end, now)).toBe(fourth.start);
    expect(removeSegments(disk, { ageMs: 1e9, bytes: 20_000 }, end, now)).toBe(
      segments.find(({ start }) => end - start <= 20_000)?.start,
    );
    expect(disk.list().length).toBeGreaterThan(1);
    const left = disk.list()[0]?.start;
    expect(removeSegments(disk, { ageMs: 0, bytes: 1e9 }, end, 1e15)).toBe(left);
  });
});
