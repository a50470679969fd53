import type { Alert } from '../src/protocol/index.ts';
import type { RecordStore } from '../src/store/index.ts';

/** The alerts of a store that never gets any. */
export const NO_ALERTS: RecordStore<Alert> = {
  waitingCount: 0,
  space: Number.POSITIVE_INFINITY,
  droppedCount: 0,
  lineage: 'none',
  nextOrdinal: 0,
  append({ symbol }) {
    throw new Error(`an alert of ${symbol} where there are no rules`);
  },
  arrivedFrom: () => Promise.resolve([]),
  flushed: () => Promise.resolve(true),
  lastSequence: () => 0,
  page: () => Promise.resolve({ first: 1, items: [] }),
  ranges: (ranges) => Promise.resolve(ranges.map(() => [])),
  between: () => Promise.resolve({ items: [], next: undefined }),
  recent: () => Promise.resolve([]),
  lastSequences: () => Promise.resolve([]),
  forget: () => undefined,
};
