import { type Episode, overlaps } from './episode-book.ts';

/** Episodes that only one of two rule files has. */
export interface Comparison {
  readonly both: number;
  readonly onlyA: readonly Episode[];
  readonly onlyB: readonly Episode[];
}

/**
 * Compares what two rule files found in the same ticks, whatever their rules are called. An episode
 * is in both if the other file has one of its symbol and direction at the same time.
 */
export function compareEpisodes(a: readonly Episode[], b: readonly Episode[]): Comparison {
  const onlyA = withoutMatch(a, b);
  return { both: a.length - onlyA.length, onlyA, onlyB: withoutMatch(b, a) };
}

function withoutMatch(episodes: readonly Episode[], others: readonly Episode[]): Episode[] {
  const bySymbol = new Map<string, Episode[]>();
  for (const other of others) {
    const key = keyOf(other);
    const own = bySymbol.get(key);
    if (own === undefined) bySymbol.set(key, [other]);
    else own.push(other);
  }
  return episodes.filter((episode) => {
    const to = episode.endTime ?? Number.POSITIVE_INFINITY;
    const candidates = bySymbol.get(keyOf(episode)) ?? [];
    return !candidates.some((other) => overlaps(other, episode.startTime, to));
  });
}

function keyOf({ symbol, direction }: Episode): string {
  return `${direction} ${symbol}`;
}
