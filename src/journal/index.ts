/** Every accepted tick on disk, in order, once. The only entry to this folder. */
export { type AppenderOptions, JournalAppender, type JournalNames } from './appender.ts';
export { EntryKind, LostCause } from './format.ts';
export type { Gap, GapFigures } from './gap-counter.ts';
export {
  Journal,
  type JournalEvents,
  type JournalFigures,
  type JournalLog,
  type JournalOptions,
} from './journal.ts';
export { JournalDamageError, JournalError } from './journal-error.ts';
export { RingConsumer } from './journal-ring.ts';
export type { JournalReport, JournalThreadData } from './journal-thread.ts';
export {
  type JournalWriter,
  type StartJournalWriter,
  startJournalWriter,
} from './journal-writer.ts';
export { JournalReader, type ReaderOptions } from './reader.ts';
export type { Retention } from './retention.ts';
export {
  diskSegments,
  type ListedSegment,
  type SegmentFile,
  type SegmentFiles,
  segmentName,
  segmentsOf,
} from './segment-files.ts';
export type { SegmentHeader } from './segment-header.ts';
export { SegmentWriter } from './segment-writer.ts';
export { findEnd, type JournalEnd, repairTail } from './tail.ts';
export type { TickPage, TickQuery } from './tick-archive.ts';
export { TickHistory, TickHistoryBusyError } from './tick-history.ts';
export { formatTickCursor, parseTickCursor, type TickCursor } from './tick-picker.ts';
