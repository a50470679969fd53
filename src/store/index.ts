/** Anomalies and snapshots on disk. The only entry to this folder. */
export { openStore } from './disk-store.ts';
export { type NameFilter, nameMatcher } from './name-filter.ts';
export { NOTHING_RECOVERED, type Recovered, recover } from './recovery.ts';
export { Retention } from './retention.ts';
export {
  noSnapshots,
  type SnapshotCounters,
  type SnapshotJournal,
  Snapshots,
} from './snapshots.ts';
export {
  type AnomalyPage,
  type ArrivedAnomaly,
  CursorError,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type SymbolPage,
  type SymbolRange,
  type TimeRange,
} from './store.ts';
