import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { folderForSuite } from '../support/folders.ts';
import { hasNodeVersions, installNodeVersions, NODE_VERSIONS } from '../support/node-versions.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const FOLDERS = ['test', 'client-sdk/test'];
/**
 * Left out of the fast lane of server and SDK: the page of the dashboard, whose code runs in a
 * browser, and what measures or compiles the output of bundlers and TypeScript.
 */
const LEFT_OUT = [
  /^test\/e2e\/(dashboard|dashboard-\w+|page-policy)\.test\.ts$/,
  /^client-sdk\/test\/frameworks\//,
  /^client-sdk\/test\/package\/(bundle-size|documented)\.test\.ts$/,
];

/** Its files, by their paths in the project. */
const fastFiles = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.endsWith('.deep.test.ts'))
    .map((name) => join(folder, name)),
);
const files = fastFiles.filter((file) => !LEFT_OUT.some((pattern) => pattern.test(file)));
const own = Number(process.versions.node.split('.')[0]);

describe.skipIf(!hasNodeVersions)('the fast lane of server and SDK passes', () => {
  const folder = folderForSuite();
  let nodeFolder: (major: number) => string;

  beforeAll(async () => {
    nodeFolder = await installNodeVersions(folder);
  }, 600_000);

  test('leaves out only what it names', () => {
    for (const pattern of LEFT_OUT) {
      expect(
        fastFiles.filter((file) => pattern.test(file)),
        String(pattern),
      ).not.toEqual([]);
    }
  });

  test.for(NODE_VERSIONS.filter((major) => major !== own))(
    'on Node %i',
    { timeout: 1_200_000 },
    async (major, { annotate }) => {
      const { HOME, PATH = '', TICKWIRE_FEEDS, TICKWIRE_TICKS } = process.env;
      // Without CI: a binary of uWebSockets.js that does not load there is said and skipped.
      const path = `${nodeFolder(major)}${delimiter}${PATH}`;
      const env = { PATH: path, HOME, NO_COLOR: '1', TICKWIRE_FEEDS, TICKWIRE_TICKS };
      const lanes = ['--project', 'fast', '--project', 'fast-isolated'];
      const { stdout } = await promisify(execFile)(
        join(nodeFolder(major), 'node'),
        [VITEST, 'run', ...lanes, ...files],
        { cwd: ROOT, env, maxBuffer: 1 << 26 },
      ).catch((error: unknown) => {
        const { stderr = '', stdout: said = '' } = error as { stdout?: string; stderr?: string };
        throw new Error(`on Node ${major}:\n${said.slice(-20_000)}${stderr}`);
      });
      const [, passed, tests] =
        /Test Files +(\d+) passed[\s\S]*Tests +(\d+) passed/.exec(stdout) ?? [];
      expect(Number(passed), stdout.slice(-2000)).toBe(files.length);
      await annotate(`${tests} tests of ${passed} files`);
    },
  );
});
