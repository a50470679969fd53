import { EntryKind } from './format.ts';
import { JournalReader } from './reader.ts';
import type { SegmentFiles } from './segment-files.ts';

/** Where a journal ends. */
export interface JournalEnd {
  /** Position behind the last entry: where the next run begins. 0 for an empty journal. */
  readonly position: number;
  /** Position behind the last entry that changes state, or before the last segment. */
  readonly changedTo: number;
  /**
   * When the last run was stopped, ms since the epoch: nothing is missing. Undefined: it was not.
   */
  readonly closedAt: number | undefined;
  /** Bytes that a crash left behind it, and the file they are in; 0 for a journal that is whole. */
  readonly tornBytes: number;
  readonly path: string;
}

/** What a frame consists of before its last entry. */
const BEGINNINGS: readonly EntryKind[] = [
  EntryKind.SYMBOL,
  EntryKind.ALERTS,
  EntryKind.PUBLISHER,
  EntryKind.PADDING,
];

/**
 * Finds the end of the journal: behind the last whole frame. What is behind it was never synced,
 * nor acknowledged.
 *
 * @throws JournalError if the last segment is damaged elsewhere
 */
export function findEnd(files: SegmentFiles): JournalEnd {
  const last = files.list().at(-1);
  const path = files.pathOf(last?.name ?? '');
  if (last === undefined) {
    return { position: 0, changedTo: 0, closedAt: undefined, tornBytes: 0, path };
  }
  const reader = new JournalReader(files, { from: last.start });
  try {
    let position = last.start;
    let changedTo = last.start;
    let closedAt: number | undefined;
    while (reader.next()) {
      const { kind } = reader;
      closedAt = kind === EntryKind.CLOSE ? reader.clock : undefined;
      if (BEGINNINGS.includes(kind) || (kind === EntryKind.TICKS && reader.hasMore)) continue;
      position = reader.end;
      if (kind !== EntryKind.SEGMENT && kind !== EntryKind.CLOSE) changedTo = position;
    }
    const tornBytes = reader.end + reader.tornBytes - position;
    return { position, changedTo, closedAt, tornBytes, path };
  } finally {
    reader.close();
  }
}

/**
 * Cuts off what a crash left behind the last whole frame. Only while no server writes. What is left
 * is on disk then: of a process that was killed, the kernel may hold the end, and a loss of power
 * must not take it from under the next run.
 *
 * @throws JournalError if the last segment is damaged elsewhere; what the system says
 */
export function repairTail(files: SegmentFiles): JournalEnd {
  const end = findEnd(files);
  const last = files.list().at(-1);
  if (last === undefined) return end;
  if (end.position === last.start) {
    files.remove(last.name);
    files.syncNames();
    const { changedTo, closedAt } = findEnd(files);
    return { ...end, changedTo, closedAt };
  }
  const file = files.open(last.name, 'write');
  try {
    if (end.tornBytes > 0) file.truncate(end.position - last.start);
    file.sync();
  } finally {
    file.close();
  }
  files.syncNames();
  return end;
}
