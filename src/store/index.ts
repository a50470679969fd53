/** The store's door. */
export { openStore } from './open-store.ts';
export type { Store, StoreLog, StoreOptions } from './store.ts';
export { CursorError, StoreError } from './store-error.ts';
export type { StoredAnomaly } from './stored-anomaly.ts';
