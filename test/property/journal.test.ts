import { describe, expect, it } from 'vitest';
import type { LastRecords } from '../../src/journal/appender.ts';
import {
  JournalDamageError,
  JournalReader,
  LostCause,
  repairTail,
} from '../../src/journal/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  describeEntry,
  entriesOf,
  JournalRig,
  MemoryDisk,
  systemError,
} from '../support/journal-rig.ts';

type Step =
  | { readonly kind: 'frame'; readonly ids: number[]; readonly publisher: number }
  | { readonly kind: 'declare'; readonly id: number; readonly last: LastRecords }
  | { readonly kind: 'retire'; readonly ids: number[] }
  | { readonly kind: 'lost' }
  | { readonly kind: 'write' | 'sync' };

const id = fc.oneof({ weight: 9, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(3000) });
const ids = fc.oneof(
  { weight: 6, arbitrary: fc.array(id, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(id, { maxLength: 60 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('frame'), ids, publisher: fc.nat(3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('declare'),
      id,
      last: fc.record({ anomalies: fc.nat(9), alerts: fc.nat(3) }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retire'), ids }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lost' }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'write' }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'sync' }) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 150 });

/** Syncs only when it must, so that crashes find bytes that were only written. */
const SYNC_MS = 1_000_000;

class Run {
  readonly disk: MemoryDisk;
  readonly rig: JournalRig;
  #sequence = 0;

  constructor(disk = new MemoryDisk(), start = 0, run = 'run') {
    this.disk = disk;
    this.rig = new JournalRig(disk, { start, run, syncMs: SYNC_MS });
    this.rig.flush();
  }

  perform(step: Step): void {
    const { rig } = this;
    const { appender } = rig;
    switch (step.kind) {
      case 'frame': {
        const sequence = ++this.#sequence;
        const ticks = step.ids.map((each, i) => [each, sequence + i / 256, i] as const);
        for (let tries = 0; !rig.frame(ticks, sequence, step.publisher); tries++) {
          expect(tries).toBeLessThan(3);
          rig.flush();
        }
        break;
      }
      case 'declare':
        appender.declareSymbol(step.id, step.last);
        break;
      case 'retire':
        appender.appendRetire(step.ids, step.ids);
        break;
      case 'lost':
        appender.appendLost(0, this.#sequence, this.#sequence + 1, LostCause.LAPPED);
        break;
      case 'write':
        rig.writer.step(rig.now);
        break;
      case 'sync':
        rig.flush();
        break;
    }
  }

  performAll(all: readonly Step[]): this {
    for (const each of all) this.perform(each);
    return this;
  }
}

/** Entries up to the first fault. */
function read(disk: MemoryDisk): { entries: string[]; fault: unknown; tornBytes: number } {
  const entries: string[] = [];
  let tornBytes = 0;
  try {
    const reader = new JournalReader(disk);
    while (reader.next()) entries.push(describeEntry(reader));
    tornBytes = reader.tornBytes;
  } catch (fault) {
    return { entries, fault, tornBytes };
  }
  return { entries, fault: undefined, tornBytes };
}

/** Whether `entries` are the beginning of `all`. */
function expectPrefix(entries: readonly string[], all: readonly string[]): void {
  expect(entries).toEqual(all.slice(0, entries.length));
}

describe('a journal', () => {
  it('whose end is cut off anywhere keeps the frames before, and goes on', () => {
    fc.assert(
      fc.property(
        steps,
        fc.double({ min: 0, max: 1, noNaN: true }),
        steps,
        (before, cut, after) => {
          const { disk, rig } = new Run().performAll(before);
          rig.flush();
          const all = entriesOf(disk);
          const last = disk.list().at(-1) ?? { start: 0, name: '' };
          const bytes = disk.contents.get(last.name) ?? new Uint8Array(0);
          const kept = Math.floor(cut * bytes.length);
          disk.contents.set(last.name, bytes.slice(0, kept));
          const { position } = repairTail(disk);
          expect(position).toBeLessThanOrEqual(last.start + kept);
          const left = entriesOf(disk);
          expectPrefix(left, all);
          // Only the entries of one frame, and declarations before it, are cut with the byte.
          const lost = all.slice(left.length).filter((entry) => !/^(symbol|publisher)/.test(entry));
          if (position < last.start + kept) expect(lost.length).toBeGreaterThan(0);
          const next = new Run(disk, position, 'next').performAll(after);
          next.rig.flush();
          const both = entriesOf(disk);
          expectPrefix(left, both);
          expect(both[left.length]).toBe(`segment ${position} of next`);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('with a flipped bit gives no wrong entry, and tells damage from a torn end', () => {
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(7), (all, at, bit) => {
        const { disk, rig } = new Run().performAll(all);
        rig.flush();
        const { synced } = rig.writer;
        // Whatever is appended now says that everything before is on disk.
        rig.frame([[1, 1, 1]], 1_000_000);
        rig.flush();
        const intact = entriesOf(disk);
        const flipped = Math.floor(at * (rig.appender.position - 1));
        const segments = disk.list();
        const segment = segments.findLast(({ start }) => start <= flipped);
        const bytes = disk.contents.get(segment?.name ?? '') as Uint8Array;
        const place = flipped - (segment?.start ?? 0);
        bytes[place] = (bytes[place] as number) ^ (1 << bit);
        const { entries, fault, tornBytes } = read(disk);
        if (fault === undefined) {
          // The end of the journal was not proven by anything behind it.
          expect(flipped).toBeGreaterThanOrEqual(synced - 1024);
          expect(tornBytes).toBeGreaterThan(0);
        } else {
          expect(fault).toBeInstanceOf(JournalDamageError);
          expect((fault as JournalDamageError).path).toBe(disk.pathOf(segment?.name ?? ''));
          expect((fault as JournalDamageError).position).toBeLessThanOrEqual(flipped);
          if (segment === segments.at(-1)) expect(() => repairTail(disk)).toThrow();
        }
        expectPrefix(entries, intact);
      }),
      { numRuns: 150 },
    );
  });

  it('after a loss of power has everything that was synced, and is never taken for damaged', () => {
    const sectors = fc.infiniteStream(fc.boolean());
    fc.assert(
      fc.property(steps, sectors, fc.nat(40), (all, kept, cut) => {
        const { disk, rig } = new Run().performAll(all);
        rig.writer.step(rig.now);
        const { synced } = rig.writer;
        const whole = entriesOf(disk);
        for (const [name, bytes] of disk.contents) {
          const durable = disk.synced.get(name)?.length ?? 0;
          const length = Math.max(durable, bytes.length - cut * 64);
          const left = bytes.slice(0, length);
          for (let from = durable; from < length; from = (Math.floor(from / 512) + 1) * 512) {
            const end = Math.min(length, (Math.floor(from / 512) + 1) * 512);
            if (kept.next().value !== true) left.fill(0, from, end);
          }
          disk.contents.set(name, left);
        }
        const { position } = repairTail(disk);
        expect(position).toBeGreaterThanOrEqual(synced);
        expectPrefix(entriesOf(disk), whole);
      }),
      { numRuns: 150 },
    );
  });

  it('on a disk that fails loses nothing and writes nothing twice', () => {
    const fault = fc.constantFrom('ENOSPC', 'EIO', 'EROFS', 'short', 'none', 'none', 'none');
    fc.assert(
      fc.property(steps, fc.array(fault, { minLength: 1, maxLength: 60 }), (all, faults) => {
        const sound = new Run().performAll(all);
        sound.rig.flush();
        const run = new Run();
        let calls = 0;
        let isFailing = true;
        run.disk.fault = (call, bytes) => {
          const planted = isFailing ? faults[calls++ % faults.length] : 'none';
          if (planted === 'none') return undefined;
          if (planted === 'short') return call === 'write' ? Math.ceil(bytes / 2) : undefined;
          // What a failed sync was to write may be gone: the kernel takes it for written.
          if (call === 'sync') dropUnsynced(run.disk);
          throw systemError(planted as string);
        };
        // A frame that finds the ring full waits for the disk.
        for (const each of all) {
          isFailing = each.kind !== 'frame';
          run.perform(each);
        }
        isFailing = false;
        run.rig.flush();
        expect(run.rig.writer.fault).toBeUndefined();
        expect(entriesOf(run.disk)).toEqual(entriesOf(sound.disk));
        expect(run.rig.writer.synced).toBe(run.rig.appender.position);
      }),
      { numRuns: 150 },
    );
  });
});

function dropUnsynced(disk: MemoryDisk): void {
  for (const [name, bytes] of disk.contents) {
    const durable = disk.synced.get(name)?.length ?? 0;
    disk.contents.set(name, bytes.slice().fill(0, durable));
  }
}
