import { NameKind, type TickBatch } from '../src/protocol/index.ts';

/** A tick of a batch as plain values: the name's bytes in hex, its alias, or null for neither. */
export interface BatchTick {
  readonly name: string | number | null;
  readonly price: number;
  readonly time: number;
}

/** What a batch holds, to be compared. */
export function batchContent(batch: TickBatch): { sequence: number; ticks: BatchTick[] } {
  const ticks = Array.from({ length: batch.count }, (_, index): BatchTick => {
    const name = batch.names[index] as number;
    const kind = batch.kinds[index];
    const bytes = batch.text.subarray(name, name + (batch.lengths[index] as number));
    return {
      name:
        kind === NameKind.TEXT
          ? Buffer.from(bytes).toString('hex')
          : kind === NameKind.ALIAS
            ? name
            : null,
      price: batch.prices[index] as number,
      time: batch.times[index] as number,
    };
  });
  return { sequence: batch.sequence, ticks };
}
