/** What a snapshot says beside the states of the symbols. */
export interface SnapshotHeader {
  /** Ms since the epoch. */
  readonly takenAt: number;
  /** Named publishers and the last sequence of each whose ticks are in the snapshot, longest gone first. */
  readonly publishers: readonly (readonly [name: string, sequence: number])[];
}

/**
 * Reads a header that was stored.
 *
 * @throws Error for what is none
 */
export function readSnapshotHeader(value: unknown): SnapshotHeader {
  const { takenAt, publishers } = Object(value) as Partial<SnapshotHeader>;
  const isHeader =
    typeof takenAt === 'number' && Array.isArray(publishers) && publishers.every(isPublisher);
  if (!isHeader) throw new Error('the snapshot is of another kind than this server writes');
  return { takenAt, publishers };
}

function isPublisher(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [name, sequence] = value as unknown[];
  return typeof name === 'string' && Number.isSafeInteger(sequence);
}
