import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const FILES = '{test,client-sdk/test,dashboard/test}/**/*.test.ts';
const DEEP = '{test,client-sdk/test,dashboard/test}/**/*.deep.test.ts';

/** The files of the fast lane, of a folder, that contain what matches. */
function fastFilesWith(pattern: RegExp, ...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts') && !name.endsWith('.deep.test.ts'))
        .map((name) => join(folder, name)),
    )
    .filter((path) => pattern.test(readFileSync(path, 'utf8')));
}

/** Those with suites for each transport. */
const overTransports = fastFilesWith(/^onTransports\(|^ {2}onTransports\(/m, 'test');
/** Those that count timers: what another file left must not start any. */
const countingTimers = fastFilesWith(/getTimerCount/, 'test', 'client-sdk/test', 'dashboard/test');
/** Those that build or install other projects, or run many tests themselves. */
const building = [
  'client-sdk/test/package/matrix.deep.test.ts',
  'test/e2e/package.deep.test.ts',
  'test/e2e/image.deep.test.ts',
  'test/e2e/node-versions.deep.test.ts',
];

/**
 * Five lanes: `npm test` is the first two, `npm run test:deep` the others.
 *
 * fast             `*.test.ts`, on the transport that a server takes by itself
 * fast-isolated    those of them that count timers
 * deep             `*.deep.test.ts`, on both transports
 * builds           those of them that build or install other projects: alone, since a bundler takes
 *                  every processor, and servers that others start would be late
 * other-transport  the suites of the fast lane that go over sockets, on the other transport
 *
 * Without isolation, the files of a worker share what they import: a third of the CPU of the fast
 * lane. So a test puts back what it changes in modules and globals.
 */
export default defineConfig({
  test: {
    globalSetup: 'test/support/compiled-sources.ts',
    pool: 'forks',
    // Most files wait for sockets more than they compute.
    maxWorkers: 3,
    // None takes as long on a machine at rest; a busy one is no fault of the code.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Workers and processes that tests start are not seen.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['client-sdk/**', 'dashboard/**'],
      reporter: ['text-summary', 'html'],
      reportOnFailure: true,
    },
    projects: [
      lane('fast', 'default', {
        include: [FILES],
        exclude: [DEEP, ...countingTimers],
        isolate: false,
      }),
      lane('fast-isolated', 'default', { include: countingTimers }),
      lane('deep', 'both', { include: [DEEP], exclude: building }),
      lane('builds', 'default', { include: building, sequence: { groupOrder: 1 } }),
      lane('other-transport', 'other', { include: overTransports, isolate: false }),
    ],
  },
});

function lane(
  name: string,
  transports: 'default' | 'other' | 'both',
  options: {
    include: string[];
    exclude?: string[];
    isolate?: boolean;
    sequence?: { groupOrder: number };
  },
) {
  return {
    extends: true as const,
    test: { name, ...options, env: { TEST_TRANSPORTS: transports } },
  };
}
