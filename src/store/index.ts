/** Anomalies, alerts and snapshots on disk. The only entry to this folder. */
export { openStore } from './disk-store.ts';
export { type NameFilter, nameMatcher, recordMatcher } from './name-filter.ts';
export { NOTHING_RECOVERED, type Recovered, recover } from './recovery.ts';
export { Retention } from './retention.ts';
export {
  noSnapshots,
  type SnapshotCounters,
  type SnapshotJournal,
  Snapshots,
} from './snapshots.ts';
export {
  type Arrived,
  CursorError,
  type RecordStore,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SymbolPage,
  type SymbolRange,
  type TimePage,
  type TimeRange,
} from './store.ts';
