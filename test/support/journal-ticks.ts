import { EntryKind, JournalReader } from '../../src/journal/index.ts';
import { diskSegments } from '../../src/journal/segment-files.ts';

export interface JournalTick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
}

/** What the journal in a directory has of a publisher, in order. */
export function journalTicksOf(directory: string, publisher: string): JournalTick[] {
  const ticks: JournalTick[] = [];
  const names = new Map<number, string>();
  const publishers = new Map<number, string>();
  const reader = new JournalReader(diskSegments(directory));
  while (reader.next()) {
    if (reader.kind === EntryKind.SYMBOL) names.set(reader.id, reader.name);
    else if (reader.kind === EntryKind.PUBLISHER) publishers.set(reader.id, reader.name);
    else if (reader.kind === EntryKind.TICKS) {
      if (publishers.get(reader.publisherId) !== publisher) continue;
      const { doubles, words, pricesAt, timesAt, idsAt } = reader;
      for (let i = 0; i < reader.count; i += 1) {
        ticks.push({
          symbol: names.get(words[idsAt + i] as number) ?? '',
          price: doubles[pricesAt + i] as number,
          time: doubles[timesAt + i] as number,
        });
      }
    }
  }
  reader.close();
  return ticks;
}
