import { expect, it } from 'vitest';
import { LostCause, repairTail } from '../../src/journal/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { entriesOf, JournalRig, MemoryDisk } from '../support/journal-rig.ts';

const id = fc.nat(12);

const entry = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('frame' as const),
      ids: fc.array(id, { maxLength: 5 }),
      publisher: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('retire' as const), ids: fc.array(id) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lost' as const) }) },
);

it('a journal that is cut at any byte keeps exactly the whole entries before it', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 14 }),
      fc.nat(60),
      (entries, framesBefore) => {
        const disk = new MemoryDisk();
        // Small blocks, so that padding is cut, too; now and then the cuts are in a later segment.
        const rig = new JournalRig(disk, { blockBytes: 512, segmentBytes: 2048 });
        rig.flush();
        const { appender } = rig;
        /** Positions behind whole frames, and behind the first header. */
        const ends = [0, appender.position];
        for (let i = 0; i < framesBefore; i++) {
          rig.frame([[1, i, i]], i + 1);
          ends.push(appender.position);
          rig.flush();
        }
        for (const [index, each] of entries.entries()) {
          if (each.kind === 'frame') {
            const ticks = each.ids.map((tickId, i) => [tickId, index + i, i] as const);
            rig.frame(ticks, 1000 + index, each.publisher);
          } else if (each.kind === 'retire') {
            appender.appendRetire(each.ids, each.ids);
          } else {
            appender.appendLost(0, index, index + 1, LostCause.LAPPED);
          }
          ends.push(appender.position);
          rig.flush();
        }
        const all = entriesOf(disk);
        const { start, name } = disk.list().at(-1) ?? { start: 0, name: '' };
        const whole = (disk.contents.get(name) as Uint8Array).slice();
        let last: string[] = [];
        let before = -1;
        for (let cut = 0; cut <= whole.length; cut++) {
          disk.contents.set(name, whole.slice(0, cut));
          const { position, tornBytes } = repairTail(disk);
          const due = Math.max(start, ends.findLast((end) => end <= start + cut) ?? 0);
          // A segment that holds its header alone is whole, too.
          if (position !== due) {
            expect(position).toBeGreaterThan(due);
            expect(entriesOf(disk).at(-1)).toMatch(/^segment/);
          }
          expect(position + tornBytes).toBe(start + cut);
          if (position === before && cut < whole.length) continue;
          before = position;
          last = entriesOf(disk);
          if (tornBytes > 0) expect(last).toEqual(all.slice(0, last.length));
        }
        expect(last).toEqual(all);
      },
    ),
    { numRuns: 10 },
  );
});
