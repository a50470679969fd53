import { JournalAppender } from '../../src/journal/appender.ts';
import { EntryWriter } from '../../src/journal/entry-writer.ts';
import {
  EntryKind,
  type JournalLog,
  JournalReader,
  type SegmentFile,
  type SegmentFiles,
  segmentsOf,
} from '../../src/journal/index.ts';
import { createJournalRing, RingConsumer, RingProducer } from '../../src/journal/journal-ring.ts';
import type { Retention } from '../../src/journal/retention.ts';
import { SegmentWriter } from '../../src/journal/segment-writer.ts';

export const SMALL = { ringBytes: 32_768, segmentBytes: 16_384, blockBytes: 4096 };

/** An error as the system makes it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: planted`), { code });
}

/** A disk in memory that keeps apart what was synced from what a crash may take. */
export class MemoryDisk implements SegmentFiles {
  readonly contents = new Map<string, Uint8Array>();
  readonly synced = new Map<string, Uint8Array>();
  /** Called before each write, sync and open: throws to plant a fault, or returns bytes to take. */
  fault: (call: 'write' | 'sync' | 'open' | 'truncate', bytes: number) => number | undefined = () =>
    undefined;
  now = 0;
  readonly times = new Map<string, number>();

  pathOf(name: string): string {
    return `disk/${name}`;
  }

  list() {
    return segmentsOf([...this.contents.keys()]);
  }

  open(name: string, mode: 'read' | 'write' | 'create'): SegmentFile {
    if (mode !== 'read') this.fault('open', 0);
    if (mode === 'create') this.contents.set(name, new Uint8Array(0));
    if (!this.contents.has(name)) throw systemError('ENOENT');
    const get = () => this.contents.get(name) ?? new Uint8Array(0);
    const resize = (bytes: number) => {
      const resized = new Uint8Array(bytes);
      resized.set(get().subarray(0, bytes));
      this.contents.set(name, resized);
    };
    return {
      get bytes() {
        return get().length;
      },
      read: (into, at, length) => {
        const found = get().subarray(at, at + length);
        into.set(found);
        return found.length;
      },
      write: (from, at) => {
        const taken = Math.min(from.length, this.fault('write', from.length) ?? from.length);
        if (at + taken > get().length) resize(at + taken);
        get().set(from.subarray(0, taken), at);
        this.times.set(name, this.now);
        return taken;
      },
      truncate: (bytes) => {
        this.fault('truncate', bytes);
        resize(bytes);
      },
      sync: () => {
        this.fault('sync', 0);
        this.synced.set(name, get().slice());
      },
      close: () => undefined,
    };
  }

  remove(name: string): void {
    this.contents.delete(name);
    this.synced.delete(name);
  }

  syncNames(): void {
    this.fault('sync', 0);
  }

  writtenAt(name: string): number {
    return this.times.get(name) ?? 0;
  }
}

export interface RigOptions {
  readonly start?: number;
  readonly mayGap?: boolean;
  readonly syncMs?: number;
  readonly retention?: Retention;
  readonly partitions?: number;
  readonly run?: string;
  readonly ringBytes?: number;
  readonly segmentBytes?: number;
  readonly blockBytes?: number;
}

/** A journal without threads: entries are appended, and written when the test says so. */
export class JournalRig {
  readonly appender: JournalAppender;
  readonly writer: SegmentWriter;
  readonly producer: RingProducer;
  readonly names = new Map<number, string>();
  offered = [0];
  now = 0;

  readonly disk: SegmentFiles;

  constructor(disk: SegmentFiles = new MemoryDisk(), options: RigOptions = {}) {
    this.disk = disk;
    const sizes = { ...SMALL, ...options };
    const { start = 0, mayGap = false, syncMs = 0, partitions = 1, run = 'run' } = options;
    const ring = createJournalRing(sizes.ringBytes);
    this.producer = new RingProducer(ring, start);
    this.offered = Array.from({ length: partitions }, () => 0);
    const layout = { ...sizes, run, startedAt: 1, partitions };
    this.appender = new JournalAppender(new EntryWriter(this.producer, layout), {
      ringBytes: sizes.ringBytes,
      partitions,
      mayGap,
      names: {
        symbol: (id) => this.names.get(id) ?? `S${id}`,
        publisher: (id) => `publisher-${id}`,
      },
      offered: (into) => into.set(this.offered),
    });
    this.writer = new SegmentWriter(new RingConsumer(ring, start), disk, {
      ...sizes,
      syncMs,
      retention: options.retention ?? { ageMs: 0, bytes: Number.POSITIVE_INFINITY },
    });
  }

  /** Appends a frame of `[id, price, time]`. */
  frame(
    ticks: readonly (readonly [number, number, number])[],
    sequence = 0,
    publisher = 0,
  ): boolean {
    return this.appender.appendTicks(
      publisher,
      sequence,
      1000 + sequence,
      Uint32Array.from(ticks, ([id]) => id),
      Float64Array.from(ticks, ([, price]) => price),
      Float64Array.from(ticks, ([, , time]) => time),
      ticks.length,
    );
  }

  /** Writes and syncs everything. */
  flush(): void {
    this.now += 10_000;
    this.writer.step(this.now, true);
  }
}

/** Entries in words, to compare. */
export function entriesOf(files: SegmentFiles, from?: number): string[] {
  const reader = new JournalReader(files, from === undefined ? {} : { from });
  const entries: string[] = [];
  while (reader.next()) entries.push(describeEntry(reader));
  reader.close();
  return entries;
}

export function describeEntry(reader: JournalReader): string {
  switch (reader.kind) {
    case EntryKind.SEGMENT:
      return `segment ${reader.segment.start} of ${reader.segment.run}`;
    case EntryKind.SYMBOL:
      return reader.isNew
        ? `symbol ${reader.id} ${reader.name} new ${reader.continuesFrom}`
        : `symbol ${reader.id} ${reader.name}`;
    case EntryKind.PUBLISHER:
      return `publisher ${reader.id} ${reader.name}`;
    case EntryKind.TICKS:
      return describeTicks(reader);
    case EntryKind.RETIRE: {
      const each = Array.from(
        { length: reader.count },
        (_, i) => `${reader.retiredId(i)}/${reader.expectedCount(i)}`,
      );
      return `retire ${each.join(' ')}`;
    }
    case EntryKind.LOST:
      return `lost ${reader.partition} ${reader.lostFrom}-${reader.lostTo} ${reader.lostCause}`;
    case EntryKind.GAP:
      return `gap ${reader.gapEntries} ${reader.gapTicks} ${reader.gapSince}`;
    case EntryKind.CLOCK:
      return `clock ${reader.clock}`;
    case EntryKind.RULES:
      return `rules ${reader.clock} ${reader.rulesText}`;
    case EntryKind.CLOSE:
      return `close ${reader.clock}`;
    case EntryKind.ALERTS:
      return `alerts of ${reader.id} after ${reader.continuesFrom}`;
    case EntryKind.PADDING:
      return 'padding';
  }
}

function describeTicks(reader: JournalReader): string {
  const ticks = Array.from({ length: reader.count }, (_, i) => {
    const { doubles, words, pricesAt, timesAt, idsAt } = reader;
    return `${words[idsAt + i]}:${doubles[pricesAt + i]}@${doubles[timesAt + i]}`;
  });
  const more = reader.hasMore ? ' more' : '';
  const head = `ticks p${reader.publisherId} #${reader.sequence} ${reader.receiptTime}${more}`;
  return [head, ...ticks].join(' ');
}

/** Collects what is logged. */
export function collectingLog(): JournalLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const push = (level: string) => (fields: object, message: string) => {
    lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  };
  return { lines, info: push('info'), warn: push('warn'), error: push('error') };
}
