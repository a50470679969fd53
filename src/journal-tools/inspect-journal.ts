import { setTimeout as delay } from 'node:timers/promises';
import {
  EntryKind,
  JournalDamageError,
  JournalReader,
  type SegmentFiles,
} from '../journal/index.ts';
import type { ProgressBar } from './progress-bar.ts';

/** What a journal holds. */
export interface JournalSummary {
  readonly segments: number;
  readonly bytes: number;
  /** Positions. */
  readonly first: number;
  readonly end: number;
  readonly runs: number;
  /** Of these, those that were stopped; and when the last one was, ms since the epoch. */
  readonly closed: number;
  readonly closedAt: number | undefined;
  /** Entries of ticks, ticks, and the first and last receipt, ms since the epoch. */
  readonly frames: number;
  readonly ticks: number;
  readonly receivedFrom: number | undefined;
  readonly receivedTo: number | undefined;
  readonly symbols: number;
  readonly publishers: number;
  readonly retirements: number;
  readonly lostTicks: number;
  readonly gaps: number;
  readonly gapTicks: number;
  readonly tornBytes: number;
  /** What is wrong, each with file and position. */
  readonly damages: readonly string[];
}

/** A server that writes leaves a torn end for moments only. */
const LOOKS = 5;
const LOOK_MS = 100;

/**
 * Reads a whole journal; a server may be writing it.
 *
 * @param isChecked whether to compare checksums
 * @throws JournalError if it cannot be read at all
 */
export async function inspectJournal(
  files: SegmentFiles,
  isChecked: boolean,
  bar: ProgressBar,
): Promise<JournalSummary> {
  const tally = new Tally();
  const first = files.list()[0]?.start ?? 0;
  let from: number | undefined;
  let tornBytes = 0;
  let end = first;
  do {
    const kinds = isChecked ? undefined : Object.values(EntryKind);
    const options = {
      mayStartLater: true,
      ...(from !== undefined && { from }),
      ...(kinds && { kinds }),
    };
    const reader = new JournalReader(files, options);
    from = undefined;
    try {
      for (let looks = 0; looks < LOOKS; looks++) {
        while (reader.next()) {
          tally.take(reader);
          bar.update(reader.end - first);
        }
        ({ tornBytes, end } = reader);
        if (tornBytes === 0) break;
        await delay(LOOK_MS);
      }
    } catch (error) {
      if (!(error instanceof JournalDamageError)) throw error;
      tally.damages.push(error.message);
      const { position } = error;
      // What is behind it may be whole.
      from = files.list().find(({ start }) => start > position)?.start;
      end = position;
    } finally {
      reader.close();
    }
  } while (from !== undefined);
  bar.finish();
  const segments = files.list();
  return {
    ...tally.summary(),
    segments: segments.length,
    bytes: end - first,
    first,
    end,
    tornBytes,
  };
}

class Tally {
  readonly damages: string[] = [];
  readonly #runs = new Set<string>();
  readonly #symbols = new Set<string>();
  readonly #publishers = new Set<string>();
  #frames = 0;
  #ticks = 0;
  #receivedFrom: number | undefined;
  #receivedTo: number | undefined;
  #retirements = 0;
  #lostTicks = 0;
  #gaps = 0;
  #gapTicks = 0;
  #closed = 0;
  /** Of the entry at hand. */
  #closedAt: number | undefined;

  take(reader: JournalReader): void {
    this.#closedAt = undefined;
    switch (reader.kind) {
      case EntryKind.SEGMENT:
        this.#runs.add(`${reader.segment.runStart}`);
        break;
      case EntryKind.SYMBOL:
        this.#symbols.add(reader.name);
        break;
      case EntryKind.PUBLISHER:
        this.#publishers.add(reader.name);
        break;
      case EntryKind.TICKS:
        if (!reader.hasMore) this.#frames++;
        this.#ticks += reader.count;
        this.#receivedFrom ??= reader.receiptTime;
        this.#receivedTo = reader.receiptTime;
        break;
      case EntryKind.RETIRE:
        this.#retirements += reader.count;
        break;
      case EntryKind.LOST:
        this.#lostTicks += reader.lostTo - reader.lostFrom;
        break;
      case EntryKind.GAP:
        this.#gaps++;
        this.#gapTicks += reader.gapTicks;
        break;
      case EntryKind.CLOSE:
        this.#closed++;
        this.#closedAt = reader.clock;
        break;
      case EntryKind.CLOCK:
      case EntryKind.RULES:
      case EntryKind.ALERTS:
      case EntryKind.PADDING:
        break;
    }
  }

  summary() {
    return {
      runs: this.#runs.size,
      closed: this.#closed,
      closedAt: this.#closedAt,
      frames: this.#frames,
      ticks: this.#ticks,
      receivedFrom: this.#receivedFrom,
      receivedTo: this.#receivedTo,
      symbols: this.#symbols.size,
      publishers: this.#publishers.size,
      retirements: this.#retirements,
      lostTicks: this.#lostTicks,
      gaps: this.#gaps,
      gapTicks: this.#gapTicks,
      damages: this.damages,
    };
  }
}

const MIB = 1024 * 1024;

/** One line a fact; without a newline at the end. */
export function formatSummary(directory: string, summary: JournalSummary): string {
  const { segments, bytes, first, end, runs, frames, ticks, receivedFrom, receivedTo } = summary;
  const { symbols, publishers, retirements, lostTicks, gaps, gapTicks, tornBytes } = summary;
  const { closed, closedAt } = summary;
  const time = (at: number) => new Date(at).toISOString();
  const rows: [string, string][] = [
    ['directory', directory],
    ['segments', `${segments}, ${(bytes / MIB).toFixed(1)} MiB, positions ${first} to ${end}`],
    ['runs', `${runs}, ${closed} of them stopped`],
    [
      'the last',
      closedAt === undefined
        ? 'runs, or was killed: what it had not synced is missing then'
        : `was stopped at ${time(closedAt)}: nothing is missing`,
    ],
    ['ticks', `${ticks} in ${frames} frames`],
  ];
  if (receivedFrom !== undefined && receivedTo !== undefined) {
    rows.push(['received', `${time(receivedFrom)} to ${time(receivedTo)}`]);
  }
  rows.push(
    ['symbols', String(symbols)],
    ['publishers', `${publishers} with a name`],
    ['retirements', String(retirements)],
    ['lost', `${lostTicks} ticks: accepted, then overwritten or skipped`],
    ['gaps', `${gaps}, ${gapTicks} ticks that are not in the journal`],
  );
  if (tornBytes > 0) rows.push(['torn end', `${tornBytes} bytes: the next start cuts them off`]);
  for (const damage of summary.damages) rows.push(['DAMAGE', damage]);
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n');
}
