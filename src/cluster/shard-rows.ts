import type { ShardPartition } from '../engine/index.ts';
import type { Bus } from './bus.ts';
import type { ClusterNames } from './names.ts';
import { type Removal, RowsWriter, readQuestion } from './row-codec.ts';

/** Rows of one message, bytes. */
const ROWS_BYTES = 256 * 1024;
/** Least time between two messages of rows, ms. */
const ROWS_MS = 4;

export interface ShardRowsParts {
  readonly bus: Bus;
  readonly names: ClusterNames;
  readonly shard: number;
  /** Of the owner's claim. */
  readonly epoch: number;
  readonly partition: ShardPartition;
  /** The last message folded. */
  readonly position: () => number;
  /** Called after each time that edges were told what they should have. */
  readonly onPublished: () => void;
}

/** Tells edges the rows of an owned shard: as they change, and whole where one asks. */
export class ShardRows {
  readonly #parts: ShardRowsParts;
  readonly #changed = new RowsWriter(ROWS_BYTES);
  readonly #answers = new RowsWriter(ROWS_BYTES);
  /** Symbols retired that edges do not know of. */
  readonly #removals: Removal[] = [];
  /** Number of the last message with rows or removals. */
  #n = 0;
  #timer: NodeJS.Timeout | undefined;
  #publishedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: ShardRowsParts) {
    this.#parts = parts;
  }

  /** A symbol was retired; edges learn of it with the next rows. */
  remove(removal: Removal): void {
    this.#removals.push(removal);
  }

  /** News leaves soon, at once if none did lately. */
  schedule(): void {
    const hasNews = this.#parts.partition.hasChanged || this.#removals.length > 0;
    if (this.#timer !== undefined || !hasNews) return;
    const waitMs = this.#publishedAt + ROWS_MS - performance.now();
    this.#timer = setTimeout(() => this.publish(), Math.max(0, waitMs));
  }

  /** Publishes changed rows, in one message if they fit; without any, what edges should have. */
  publish(): void {
    this.stop();
    this.#publishedAt = performance.now();
    const { onPublished, partition } = this.#parts;
    // Before the rows of next lives.
    for (const removal of this.#removals.splice(0)) {
      if (!this.#changed.hasRoom) this.#send(false);
      this.#changed.remove(removal);
    }
    do {
      partition.takeChanged((name, row, since) => {
        if (!this.#changed.hasRoom) this.#send(false);
        this.#changed.add(name, row, since);
      });
    } while (partition.hasChanged);
    this.#send(true);
    onPublished();
  }

  /** Answers a question for all rows, unless it is for those of another owner. */
  answer(question: Uint8Array, reply: (payload: Uint8Array) => void): void {
    const { epoch, from } = readQuestion(question);
    if (epoch !== 0 && epoch !== this.#parts.epoch) return;
    const answers = this.#answers;
    const next = this.#parts.partition.rowsFrom(from, (name, row, since) => {
      answers.add(name, row, since);
      return answers.hasRoom;
    });
    reply(answers.take({ ...this.#totals(next === 0), next }));
  }

  /** Publishes nothing that was scheduled. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #send(isLast: boolean): void {
    const { bus, names, shard } = this.#parts;
    if (!this.#changed.isEmpty) this.#n++;
    bus.publish(names.rows(shard), this.#changed.take({ ...this.#totals(isLast), next: 0 }));
  }

  #totals(isWhole: boolean) {
    const { epoch, partition, position } = this.#parts;
    return {
      epoch,
      n: this.#n,
      ticks: isWhole ? partition.applied : Number.NaN,
      symbols: isWhole ? partition.symbols : Number.NaN,
      position: position(),
    };
  }
}
