import { JournalAppender } from '../../../src/journal/appender.ts';
import { EntryWriter } from '../../../src/journal/entry-writer.ts';
import { BLOCK_BYTES, RING_BYTES, SEGMENT_BYTES } from '../../../src/journal/format.ts';
import {
  createJournalRing,
  RingConsumer,
  RingProducer,
} from '../../../src/journal/journal-ring.ts';
import type { SegmentFile, SegmentFiles } from '../../../src/journal/segment-files.ts';
import { SegmentWriter } from '../../../src/journal/segment-writer.ts';
import type { Case, CaseMaker } from '../case.ts';

const SYMBOLS = 200;
/** Ticks a run: few, so that other processes interrupt few runs. */
const TICKS = 1024;
const SIZES = { segmentBytes: SEGMENT_BYTES, blockBytes: BLOCK_BYTES };
const KEEP_ALL = { ageMs: 0, bytes: 0 };

export const journalCases: readonly CaseMaker[] = [256, 1].flatMap((frame) => [
  {
    name: `journal: append a tick, ${frame} a frame`,
    allocatesNothing: true,
    make: () => appendCase(frame),
  },
  {
    name: `journal: checksum and hand over a tick, ${frame} a frame`,
    // A view an entry.
    allocatesNothing: false,
    make: () => writeCase(frame),
  },
]);

/** The gateway's end, and the ring that it fills. */
class Rig {
  readonly consumer: RingConsumer;
  readonly appender: JournalAppender;
  readonly #frame: number;
  readonly #ids: Uint32Array;
  readonly #values: Float64Array;

  constructor(frame: number) {
    const ring = createJournalRing(RING_BYTES);
    this.consumer = new RingConsumer(ring, 0);
    const layout = { ...SIZES, run: 'bench', startedAt: 0, partitions: 2 };
    const writer = new EntryWriter(new RingProducer(ring, 0), layout);
    this.appender = new JournalAppender(writer, {
      ringBytes: RING_BYTES,
      partitions: 2,
      names: { symbol: (id) => `S${id}`, publisher: () => 'bench' },
      offered: () => undefined,
      mayGap: false,
    });
    this.#frame = frame;
    this.#ids = Uint32Array.from({ length: frame }, (_, i) => i % SYMBOLS);
    this.#values = Float64Array.from({ length: frame }, (_, i) => 100 + i);
  }

  append(): void {
    for (let i = 0; i < TICKS; i += this.#frame) {
      const isIn = this.appender.appendTicks(
        1,
        i,
        1000,
        this.#ids,
        this.#values,
        this.#values,
        this.#frame,
      );
      if (!isIn) throw new Error('the ring is full');
    }
  }

  release(): void {
    this.consumer.release(this.consumer.tail);
  }
}

function appendCase(frame: number): Case {
  const rig = new Rig(frame);
  return { operations: TICKS, prepare: () => rig.release(), run: () => rig.append() };
}

/** Takes all and keeps nothing. */
const nowhere: SegmentFiles = {
  pathOf: (name) => name,
  list: () => [],
  open: () => NO_FILE,
  remove: () => undefined,
  syncNames: () => undefined,
  writtenAt: () => 0,
};
const NO_FILE: SegmentFile = {
  bytes: 0,
  read: () => 0,
  write: (from) => from.length,
  truncate: () => undefined,
  sync: () => undefined,
  close: () => undefined,
};

function writeCase(frame: number): Case {
  const rig = new Rig(frame);
  const options = { ...SIZES, syncMs: 0, retention: KEEP_ALL };
  const writer = new SegmentWriter(rig.consumer, nowhere, options);
  return {
    operations: TICKS,
    prepare: () => rig.append(),
    run: () => writer.step(0, true),
  };
}
