/** Anomalies and snapshots on disk. The only entry to this folder. */
export { openStore } from './disk-store.ts';
export { cursorAfter } from './history.ts';
export { Retention } from './retention.ts';
export {
  NOTHING_RECOVERED,
  noSnapshots,
  type Recovered,
  recover,
  type SnapshotCounters,
  Snapshots,
} from './snapshots.ts';
export {
  type AnomalyPage,
  CursorError,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
  type TimeRange,
} from './store.ts';
