import { describe, expect, test } from 'vitest';
import { findEnd, JournalReader, LostCause, repairTail } from '../../src/journal/index.ts';
import { entriesOf, JournalRig, MemoryDisk } from '../support/journal-rig.ts';

describe('entries', () => {
  test('are read as they were appended, declarations before their first use', () => {
    const rig = new JournalRig();
    rig.appender.declareSymbol(3, 7);
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
    rig.flush();
    expect(entriesOf(rig.disk)).toEqual([
      'segment 0 of run',
      'publisher 2 publisher-2',
      'symbol 3 S3 new 7',
      'symbol 9 S9',
      'ticks p2 #4 1004 3:1.5@10 9:2@11 3:2.5@12',
      'ticks p2 #5 1005',
      'retire 3/-1 9/12',
      'lost 0 5-9 2',
    ]);
    expect(findEnd(rig.disk)).toMatchObject({ position: rig.appender.position, tornBytes: 0 });
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
