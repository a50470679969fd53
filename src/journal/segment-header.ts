import { aligned, type EntryMemory, FORMAT_VERSION, HEADER_BYTES } from './format.ts';
import { JournalVersionError } from './journal-error.ts';

/*
 * The payload of the first entry of a segment.
 *
 *   format version u32 · bytes of the run's id u32 · bytes of a block f64 · of a segment f64 ·
 *   position of the segment f64 · of the run's first f64 · when the run began f64 ·
 *   when the segment began f64 · ticks offered to each partition f64 … · the run's id
 */
const FIXED_BYTES = 56;

/** What a segment says about itself. */
export interface SegmentHeader {
  /** Position of its first byte. */
  readonly start: number;
  /** Position at which the run of the server began that wrote it. */
  readonly runStart: number;
  /** Id of that run. */
  readonly run: string;
  /** When that run began, and when this segment did, ms since the epoch. */
  readonly runStartedAt: number;
  readonly createdAt: number;
  readonly segmentBytes: number;
  readonly blockBytes: number;
  /** Ticks offered to each partition's queue since the run began, before this segment. */
  readonly offered: Float64Array;
}

/** Bytes of the entry. */
export function segmentHeaderBytes(partitions: number, run: Uint8Array): number {
  return HEADER_BYTES + FIXED_BYTES + 8 * partitions + aligned(run.length);
}

/** Writes the payload; its bytes are zero before. */
export function writeSegmentHeader(
  { bytes, words, doubles }: EntryMemory,
  payloadAt: number,
  header: SegmentHeader,
  run: Uint8Array,
): void {
  words[payloadAt / 4] = FORMAT_VERSION;
  words[payloadAt / 4 + 1] = run.length;
  doubles.set(
    [
      header.blockBytes,
      header.segmentBytes,
      header.start,
      header.runStart,
      header.runStartedAt,
      header.createdAt,
    ],
    payloadAt / 8 + 1,
  );
  doubles.set(header.offered, (payloadAt + FIXED_BYTES) / 8);
  bytes.set(run, payloadAt + FIXED_BYTES + 8 * header.offered.length);
}

const decoder = new TextDecoder();

/**
 * @param partitions the count of the entry
 * @throws JournalVersionError if a newer server wrote it
 */
export function readSegmentHeader(
  { bytes, words, doubles }: EntryMemory,
  payloadAt: number,
  partitions: number,
): SegmentHeader {
  const version = words[payloadAt / 4] as number;
  if (version > FORMAT_VERSION) throw new JournalVersionError(version);
  const runBytes = words[payloadAt / 4 + 1] as number;
  const at = payloadAt / 8 + 1;
  const [blockBytes, segmentBytes, start, runStart, runStartedAt, createdAt] = doubles.subarray(
    at,
    at + 6,
  ) as unknown as [number, number, number, number, number, number];
  const offeredAt = (payloadAt + FIXED_BYTES) / 8;
  const runAt = payloadAt + FIXED_BYTES + 8 * partitions;
  return {
    start,
    runStart,
    run: decoder.decode(bytes.slice(runAt, runAt + runBytes)),
    runStartedAt,
    createdAt,
    segmentBytes,
    blockBytes,
    offered: doubles.slice(offeredAt, offeredAt + partitions),
  };
}
