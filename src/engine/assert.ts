/** A broken invariant: a programming error, which ends its thread. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/*
 * Invariants of shared memory, checked in production too: a comparison a batch or less. Failing
 * early keeps a fault in one place from becoming wrong numbers in another. A worker that fails is
 * replaced like one that died; on the gateway's thread the process ends.
 *
 * The text is built only on failure, so that no check allocates.
 */

/** @throws InvariantError unless `min` <= `value` <= `max` */
export function assertRange(what: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new InvariantError(`${what}: ${value} is not between ${min} and ${max}`);
}

/** @throws InvariantError unless `value` is `expected` */
export function assertEqual(what: string, value: number, expected: number): void {
  if (value === expected) return;
  throw new InvariantError(`${what}: ${value} is not ${expected}`);
}
