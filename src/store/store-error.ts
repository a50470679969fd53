/** Why a store cannot be opened or used, for people: which path, what was found there, what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** A page cursor that this store did not give out. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}
