import type { CaseMaker } from '../case.ts';

/** Does nothing: what it shows, the measurement adds to every other case. */
export const emptyCase: CaseMaker = {
  name: 'nothing',
  allocatesNothing: true,
  make: () => ({ operations: 1024, run: () => undefined }),
};
