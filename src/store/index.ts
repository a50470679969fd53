/** The store's door. */
export { openStore } from './open-store.ts';
export { NOTHING_RECOVERED, type Recovered, recover } from './recover.ts';
export { Retention } from './retention.ts';
export { noSnapshots, type SnapshotCounters, Snapshots } from './snapshot-schedule.ts';
export type { AnomalyPage, Store, StoreLog, StoreOptions, TimeRange } from './store.ts';
export { CursorError, StoreError } from './store-error.ts';
export type { StoredAnomaly } from './stored-anomaly.ts';
export { cursorAfter } from './time-cursor.ts';
