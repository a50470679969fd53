import { EntryKind, JournalReader, type SegmentFiles } from '../journal/index.ts';

/** Positions in a queue, the second exclusive. */
interface Range {
  readonly from: number;
  to: number;
}

/** The ticks of a partition's queue that were never applied, in ascending ranges. */
class LostRanges {
  readonly #ranges: readonly Range[];
  #next = 0;

  constructor(ranges: readonly Range[]) {
    const joined: Range[] = [];
    for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
      const last = joined.at(-1);
      if (last !== undefined && range.from <= last.to) last.to = Math.max(last.to, range.to);
      else joined.push({ ...range });
    }
    this.#ranges = joined;
  }

  /** Whether a position is in one. Positions are asked for in ascending order. */
  has(position: number): boolean {
    for (;;) {
      const range = this.#ranges[this.#next];
      if (range === undefined || position < range.from) return false;
      if (position < range.to) return true;
      this.#next++;
    }
  }
}

/**
 * Which ticks of the journal were taken and never applied: lapped, or skipped because their worker
 * died of them. Counts positions as the queues did: by run of the server and partition.
 */
export class LostTicks {
  /** By position at which the run began, then by partition. */
  readonly #runs: ReadonlyMap<number, ReadonlyMap<number, LostRanges>>;
  #ranges: ReadonlyMap<number, LostRanges> | undefined;
  #positions = new Float64Array(0);
  #runStart = -1;
  /** Ticks found to be lost. */
  count = 0;

  /** Reads the reports in the journal from a position on. */
  static read(files: SegmentFiles, from: number): LostTicks {
    const runs = new Map<number, Map<number, Range[]>>();
    const reader = new JournalReader(files, { from, kinds: [EntryKind.LOST] });
    try {
      while (reader.next()) {
        if (reader.kind !== EntryKind.LOST) continue;
        const { runStart } = reader.segment;
        const run = runs.get(runStart) ?? new Map<number, Range[]>();
        runs.set(runStart, run);
        const ranges = run.get(reader.partition) ?? [];
        run.set(reader.partition, ranges);
        ranges.push({ from: reader.lostFrom, to: reader.lostTo });
      }
    } finally {
      reader.close();
    }
    return new LostTicks(runs);
  }

  private constructor(runs: ReadonlyMap<number, ReadonlyMap<number, readonly Range[]>>) {
    this.#runs = new Map(
      [...runs].map(([runStart, partitions]) => [
        runStart,
        new Map([...partitions].map(([partition, all]) => [partition, new LostRanges(all)])),
      ]),
    );
  }

  /** Whether the run being read lost any. */
  get isCounting(): boolean {
    return this.#ranges !== undefined;
  }

  /** A run or segment begins, or the snapshot's place in it, after so many ticks by partition. */
  begin(runStart: number, offered: ArrayLike<number>): void {
    if (runStart !== this.#runStart) this.#ranges = this.#runs.get(runStart);
    this.#runStart = runStart;
    this.#positions = Float64Array.from(offered);
  }

  /** Counts the next tick of a partition; whether it was lost. Only while {@link isCounting}. */
  take(partition: number): boolean {
    const position = this.#positions[partition] as number;
    this.#positions[partition] = position + 1;
    const isLost = this.#ranges?.get(partition)?.has(position) === true;
    if (isLost) this.count++;
    return isLost;
  }
}
