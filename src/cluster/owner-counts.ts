import type { FeedFigures } from './feed-figures.ts';

/** What an owner has counted, over all shards that it had. */
export interface OwnerCounts {
  /** Ticks of the logs that count. */
  ticks: number;
  duplicateSegments: number;
  gapSegments: number;
  /** Ticks of symbols beyond the limit of their shard. */
  refusedTicks: number;
  /** Ticks left out, since an owner could not apply them. */
  skippedTicks: number;
  /** Places that full windows dropped, in shards that are replayed as well. */
  truncatedPlaces: number;
  /** Symbols, in shards that are replayed as well. */
  retired: number;
  takeovers: number;
  fenced: number;
  snapshots: number;
  readonly feeds: FeedFigures;
}

export function zeroCounts(feeds: FeedFigures): OwnerCounts {
  return {
    ticks: 0,
    duplicateSegments: 0,
    gapSegments: 0,
    refusedTicks: 0,
    skippedTicks: 0,
    truncatedPlaces: 0,
    retired: 0,
    takeovers: 0,
    fenced: 0,
    snapshots: 0,
    feeds,
  };
}
