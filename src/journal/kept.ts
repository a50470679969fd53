import { EntryKind } from './format.ts';
import { JournalReader } from './reader.ts';
import type { SegmentFiles } from './segment-files.ts';

/** What is on disk. */
export interface KeptFigures {
  /** Files. */
  readonly segments: number;
  /** Position of the first entry. */
  readonly keptFrom: number;
  /** When the first ticks were received, ms since the epoch; 0 if there are none. */
  readonly oldestAt: number;
}

/** Reads the first ticks. @throws JournalError, or what the system says */
export function keptFigures(files: SegmentFiles): KeptFigures {
  const segments = files.list();
  const [first] = segments;
  if (first === undefined) return { segments: 0, keptFrom: 0, oldestAt: 0 };
  const reader = new JournalReader(files, { kinds: [EntryKind.TICKS], mayStartLater: true });
  try {
    const oldestAt = reader.next() ? reader.receiptTime : 0;
    return { segments: segments.length, keptFrom: first.start, oldestAt };
  } finally {
    reader.close();
  }
}
