import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'client-sdk/test/**/*.test.ts', 'dashboard/test/**/*.test.ts'],
    pool: 'forks',
    // Most files wait for sockets more than they compute.
    maxWorkers: 3,
    // None takes as long on a machine at rest; a busy one is no fault of the code.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
  },
});
