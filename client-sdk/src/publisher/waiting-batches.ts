import type { TickColumns } from './tick-columns.ts';

interface WaitingBatch {
  readonly columns: TickColumns;
  readonly ticks: number;
  /** The first row that was not taken. */
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Ticks of whole batches that found no room, in the order of the calls. */
export class WaitingBatches {
  readonly #waiting: WaitingBatch[] = [];
  /** Ticks that wait. */
  ticks = 0;

  /** Lets the rows from `at` on wait; resolves once all were taken. */
  add(columns: TickColumns, at: number, ticks: number): Promise<void> {
    this.ticks += ticks - at;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ columns, ticks, at, resolve, reject });
    });
  }

  /** @param take takes rows `from` to `to` (exclusive) or as many of them as it can, and tells how many */
  move(take: (columns: TickColumns, from: number, to: number) => number): void {
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      const taken = take(batch.columns, batch.at, batch.ticks);
      batch.at += taken;
      this.ticks -= taken;
      if (batch.at < batch.ticks) return;
      this.#waiting.shift();
      batch.resolve();
    }
  }

  fail(error: Error): void {
    this.ticks = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
