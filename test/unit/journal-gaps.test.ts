import { expect, test } from 'vitest';
import { LostCause } from '../../src/journal/index.ts';
import { entriesOf, JournalRig, MemoryDisk } from '../support/journal-rig.ts';

/** Fills the ring of a journal, and one frame of two ticks more. */
function fillUp(): { readonly rig: JournalRig; readonly told: string[]; readonly frames: number } {
  const rig = new JournalRig(new MemoryDisk(), { mayGap: true });
  const told: string[] = [];
  rig.appender.onGapBegin = () => told.push('begins');
  rig.appender.onGapEnd = ({ entries, ticks, since }) => {
    told.push(`ends with ${entries} entries and ${ticks} ticks since ${since}`);
  };
  rig.flush();
  let frames = 0;
  while (!rig.appender.isInGap) {
    frames++;
    rig.frame(
      [
        [1, frames, 1],
        [2, frames, 1],
      ],
      frames,
    );
  }
  return { rig, told, frames };
}

test('a gap is declared once there is space: what is missing, and since when', () => {
  const { frames, rig, told } = fillUp();
  expect(told).toEqual(['begins']);
  rig.frame([[3, 1, 1]], frames + 1);
  rig.appender.appendLost(0, 1, 2, LostCause.LAPPED);
  expect(rig.appender.gaps).toEqual({ gaps: 1, entries: 3, ticks: 3 });
  rig.flush();
  expect(rig.appender.isInGap).toBe(true);
  // The next frame is behind the gap.
  rig.frame([[4, 1, 1]], frames + 2);
  rig.flush();
  const since = 1000 + frames;
  expect(told).toEqual(['begins', `ends with 3 entries and 3 ticks since ${since}`]);
  expect(rig.appender.isInGap).toBe(false);
  const entries = entriesOf(rig.disk);
  const at = entries.indexOf(`gap 3 3 ${since}`);
  expect(entries[at - 1]).toBe(
    `ticks p0 #${frames - 1} ${1000 + frames - 1} 1:${frames - 1}@1 2:${frames - 1}@1`,
  );
  expect(entries.slice(at + 1).filter((entry) => !/^(?:segment|symbol)/.test(entry))).toEqual([
    `ticks p0 #${frames + 2} ${1000 + frames + 2} 4:1@1`,
  ]);
});

test('a gap goes on while there is little space, and the next counts for itself', () => {
  const { frames, rig, told } = fillUp();
  expect(rig.appender.tryEndGap()).toBe(false);
  expect(rig.appender.appendClock(5)).toBe(true);
  rig.frame([[1, 1, 1]], frames + 1);
  rig.flush();
  expect(rig.appender.tryEndGap()).toBe(true);
  let more = frames + 2;
  while (!rig.appender.isInGap) rig.frame([[1, more, 1]], more++);
  expect(rig.appender.gaps).toEqual({ gaps: 2, entries: 3, ticks: 4 });
  rig.flush();
  expect(rig.appender.tryEndGap()).toBe(true);
  expect(told.slice(1)).toEqual([
    `ends with 2 entries and 3 ticks since ${1000 + frames}`,
    'begins',
    `ends with 1 entries and 1 ticks since ${1000 + more - 1}`,
  ]);
  expect(entriesOf(rig.disk).filter((entry) => entry.startsWith('clock'))).toEqual([]);
});
