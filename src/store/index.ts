/** The store's door. */
export { openStore } from './open-store.ts';
export type { AnomalyPage, Store, StoreLog, StoreOptions, TimeRange } from './store.ts';
export { CursorError, StoreError } from './store-error.ts';
export type { StoredAnomaly } from './stored-anomaly.ts';
export { cursorAfter } from './time-cursor.ts';
