import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { folderForSuite } from '../support/folders.ts';
import { hasNodeVersions, installNodeVersions, NODE_VERSIONS } from '../support/node-versions.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
/**
 * Of the fast lane: what goes through sockets, threads, files and native modules of server and SDK.
 * Not what a version of Node changes nothing of: docs, bundles, the browser.
 */
const PARTS = [
  'client-sdk/test/connection/',
  'client-sdk/test/publisher/',
  'client-sdk/test/subscriber/',
  'test/conformance/transport.test.ts',
  'test/integration/alerts.test.ts',
  'test/integration/journal',
  'test/integration/publish',
  'test/integration/store',
  'test/integration/subscribe',
  'test/unit/engine-',
  'test/unit/journal-',
  'test/unit/protocol-',
  'test/unit/store-',
];
/** A part that is renamed must not be left out in silence. */
const TESTS_MIN = 700;
const own = Number(process.versions.node.split('.')[0]);

describe.skipIf(!hasNodeVersions)('parts of the fast lane pass', () => {
  const folder = folderForSuite();
  let nodeFolder: (major: number) => string;

  beforeAll(async () => {
    nodeFolder = await installNodeVersions(folder);
  }, 600_000);

  test.each(NODE_VERSIONS.filter((major) => major !== own))(
    'on Node %i',
    async (major) => {
      const { PATH = '', HOME } = process.env;
      // Without CI: a binary of uWebSockets.js that does not load there is said and skipped.
      const env = { PATH: `${nodeFolder(major)}${delimiter}${PATH}`, HOME, NO_COLOR: '1' };
      const lanes = ['--project', 'fast', '--project', 'fast-isolated'];
      const { stdout } = await promisify(execFile)(
        join(nodeFolder(major), 'node'),
        [VITEST, 'run', ...lanes, ...PARTS],
        { cwd: ROOT, env, maxBuffer: 1 << 26 },
      ).catch((error: unknown) => {
        const { stderr = '', stdout: said = '' } = error as { stdout?: string; stderr?: string };
        throw new Error(`on Node ${major}:\n${said.slice(-20_000)}${stderr}`);
      });
      const passed = Number(/Tests +(\d+) passed/.exec(stdout)?.[1]);
      expect(passed, stdout.slice(-2000)).toBeGreaterThan(TESTS_MIN);
    },
    900_000,
  );
});
