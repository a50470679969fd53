/** Stored messages, or the marker of a transaction's end, as a broker answers with them. */
export interface StoredBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly records: readonly { readonly key: Buffer | null }[];
}

/** A transaction that was aborted, as an answer names it. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  /** Of its first message in the partition. */
  readonly firstOffset: bigint;
}

/** Bits of a batch: it is of a transaction; it has a transaction's marker. */
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** Where the key of a marker has its type, and the type of an aborted one. */
const TYPE_AT = 2;
const ABORT = 0;

/**
 * Batches of messages without those of aborted transactions, as Kafka's own consumer tells them: a
 * producer's are, from the first offset of an aborted one up to its marker. That may be behind the
 * end of an answer, a producer may have several in one, and an empty one has a marker alone.
 */
export function* committed<Batch extends StoredBatch>(
  batches: readonly Batch[],
  aborted: readonly AbortedTransaction[],
): Generator<Batch> {
  const begin = [...aborted].sort((a, b) => Number(b.firstOffset - a.firstOffset));
  const aborting = new Set<bigint>();
  for (const batch of batches) {
    const last = lastOffsetOf(batch);
    for (let next = begin.at(-1); next !== undefined && next.firstOffset <= last; ) {
      aborting.add(next.producerId);
      begin.pop();
      next = begin.at(-1);
    }
    if ((batch.attributes & CONTROL) !== 0) {
      if (isAbort(batch)) aborting.delete(batch.producerId);
    } else if ((batch.attributes & TRANSACTIONAL) === 0 || !aborting.has(batch.producerId)) {
      yield batch;
    }
  }
}

/** Offset of the last message that a batch had: it may have been removed. */
export function lastOffsetOf(batch: StoredBatch): bigint {
  return batch.firstOffset + BigInt(batch.lastOffsetDelta);
}

function isAbort({ records: [marker] }: StoredBatch): boolean {
  return marker?.key?.readInt16BE(TYPE_AT) === ABORT;
}
