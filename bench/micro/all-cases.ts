import type { CaseMaker } from './case.ts';
import { flushCases } from './cases/flush.ts';
import { intakeCases } from './cases/intake.ts';
import { journalCases } from './cases/journal.ts';
import { partitionCases } from './cases/partition.ts';
import { ruleCases } from './cases/rules.ts';
import { dirtySetCases, ringCases } from './cases/shared-memory.ts';
import { subscriptionCases } from './cases/subscriptions.ts';
import { decodeCases, entryCases } from './cases/wire.ts';

/** Does nothing: its figures are the measurement's own overhead. */
const emptyCase: CaseMaker = {
  name: 'nothing',
  allocatesNothing: true,
  make: () => ({ operations: 1024, run: () => undefined }),
};

/** In the order of a tick's path. */
export const ALL_CASES: readonly CaseMaker[] = [
  emptyCase,
  ...decodeCases,
  ...intakeCases,
  ...journalCases,
  ...ringCases,
  ...partitionCases,
  ...ruleCases,
  ...dirtySetCases,
  ...entryCases,
  ...flushCases,
  ...subscriptionCases,
];
