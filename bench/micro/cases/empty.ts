import type { CaseMaker } from '../case.ts';

/** Does nothing: its figures are the measurement's own overhead. */
export const emptyCase: CaseMaker = {
  name: 'nothing',
  allocatesNothing: true,
  make: () => ({ operations: 1024, run: () => undefined }),
};
