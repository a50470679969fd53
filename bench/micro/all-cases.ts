import type { CaseMaker } from './case.ts';
import { decodeCases } from './cases/decode.ts';
import { dirtySetCases } from './cases/dirty-set.ts';
import { emptyCase } from './cases/empty.ts';
import { entryCases } from './cases/entry.ts';
import { flushCases } from './cases/flush.ts';
import { intakeCases } from './cases/intake.ts';
import { partitionCases } from './cases/partition.ts';
import { ringCases } from './cases/ring.ts';
import { subscriptionCases } from './cases/subscriptions.ts';

/** In the order in which a tick meets them. */
export const ALL_CASES: readonly CaseMaker[] = [
  emptyCase,
  ...decodeCases,
  ...intakeCases,
  ...ringCases,
  ...partitionCases,
  ...dirtySetCases,
  ...entryCases,
  ...flushCases,
  ...subscriptionCases,
];
