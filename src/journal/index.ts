/** Every accepted tick on disk, in order, once. The only entry to this folder. */
export { EntryKind, LostCause } from './format.ts';
export { Journal, type JournalLog, type JournalOptions } from './journal.ts';
export { JournalDamageError, JournalError } from './journal-error.ts';
export { RingConsumer } from './journal-ring.ts';
export { type StartJournalWriter, startJournalWriter } from './journal-writer.ts';
export { JournalReader } from './reader.ts';
export {
  diskSegments,
  type SegmentFile,
  type SegmentFiles,
  segmentName,
  segmentsOf,
} from './segment-files.ts';
export { SegmentWriter } from './segment-writer.ts';
export { findEnd, repairTail } from './tail.ts';
export type { TickPage, TickQuery } from './tick-archive.ts';
export { TickHistory, TickHistoryBusyError } from './tick-history.ts';
export { formatTickCursor, parseTickCursor, type TickCursor } from './tick-picker.ts';
