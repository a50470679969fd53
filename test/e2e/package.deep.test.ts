import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ManagedProcess } from '../../testkit/managed-process.ts';
import { folderForSuite } from '../support/folders.ts';
import { hasNodeVersions, installNodeVersions, NODE_VERSIONS } from '../support/node-versions.ts';
import { expectTicksToPass } from '../support/passed-tick.ts';
import { installPackage, makeRelease, unpackPackage } from '../support/release.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A fifth of it is the page and the SDK with their source maps. */
const TARBALL_BYTES_MAX = 1_500_000;

const folder = folderForSuite();
let release: readonly string[] = [];
let project = '';
let server = '';
let nodeFolder: (major: number) => string = () => dirname(process.execPath);

beforeAll(async () => {
  release = await makeRelease(join(folder, 'release'));
  server = await unpackPackage(release[0] as string, folder);
  project = await installPackage(release[0] as string, folder);
  if (hasNodeVersions) nodeFolder = await installNodeVersions(folder);
}, 600_000);

async function readJson(file: string) {
  return JSON.parse(await readFile(file, 'utf8'));
}

interface LockEntry {
  readonly name?: string;
  readonly version: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

describe('npm run release', () => {
  test('makes packages, a bill of materials, and their checksums', async () => {
    const { version } = await readJson(join(ROOT, 'package.json'));
    const names = [
      `tickwire-${version}.tgz`,
      `tickwire-client-${version}.tgz`,
      `tickwire-${version}.cdx.json`,
      'SHA256SUMS',
    ];
    expect(release.map((file) => basename(file))).toEqual(names);
    expect(await readdir(join(folder, 'release'))).toHaveLength(names.length);
    const sums = (await readFile(release[3] as string, 'utf8')).trim().split('\n');
    const expected = release.slice(0, 3).map(async (file) => {
      const digest = createHash('sha256').update(await readFile(file));
      return `${digest.digest('hex')}  ${basename(file)}`;
    });
    expect(sums).toEqual(await Promise.all(expected));
    const bill = await readJson(release[2] as string);
    expect(bill.metadata.component).toMatchObject({ name: 'tickwire', version });
  });

  test('makes the same bytes again', async () => {
    const again = await makeRelease(join(folder, 'again'));
    const sums = await readFile(again[3] as string, 'utf8');
    expect(sums).toBe(await readFile(release[3] as string, 'utf8'));
  });
});

describe('the package of the server', () => {
  test('has the programs and the page, and no tests, tools or paths of this machine', async ({
    annotate,
  }) => {
    const files = (await filesIn(server)).filter((file) => !file.startsWith('node_modules/'));
    const known = [
      /^(LICENSE|README\.md|CHANGELOG\.md|package\.json|npm-shrinkwrap\.json)$/,
      /^dist\/(src|feeds|client-sdk\/src)\/[\w/-]+\.js$/,
      /^dist\/public\/(index\.html|favicon\.svg|(dashboard|sdk\/tickwire)\.(js|css)(\.map)?)$/,
    ];
    expect(files.filter((file) => !known.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files).toContain('dist/public/index.html');
    expect(files).toContain('LICENSE');
    for (const file of files) {
      expect((await readFile(join(server, file), 'utf8')).includes(ROOT), file).toBe(false);
    }
    const { size } = await stat(release[0] as string);
    await annotate(`${size} bytes packed, ${files.length} files`);
    expect(size).toBeLessThan(TARBALL_BYTES_MAX);
  });

  test('has every module that its modules import or start', async () => {
    const scripts = (await filesIn(server)).filter((file) => /^dist\/.*\.js$/.test(file));
    const missing: string[] = [];
    let found = 0;
    for (const script of scripts.filter((file) => !file.startsWith('dist/public/'))) {
      const text = await readFile(join(server, script), 'utf8');
      const named = [
        ...text.matchAll(/\b(?:from |import |import\()'(\.[^']+)'/g),
        ...text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g),
        ...text.matchAll(/import\.meta\.url, '(\.[^']+)'/g),
      ];
      for (const [, path = ''] of named) {
        const file = join(dirname(script), path.endsWith('.js') ? path : `${path}.js`);
        if (!scripts.includes(file)) missing.push(`${script}: ${path}`);
      }
      found += named.length;
    }
    expect(missing).toEqual([]);
    expect(found).toBeGreaterThan(500);
  });

  test('depends on the packages that its programs import', async () => {
    const { dependencies } = await readJson(join(server, 'package.json'));
    const programs = (await filesIn(server)).filter((file) => /^dist\/(src|feeds)\//.test(file));
    const imported = new Set<string>();
    for (const program of programs) {
      const text = await readFile(join(server, program), 'utf8');
      for (const [, name] of text.matchAll(/^(?:import|export)\b.* from '([^.'][^']*)'/gm)) {
        const [, owner] = /^((?:@[^/]+\/)?[^/]+)/.exec(name as string) ?? [];
        if (!name?.startsWith('node:')) imported.add(owner as string);
      }
    }
    expect(imported).toContain('zod');
    expect([...imported].filter((name) => !(name in dependencies))).toEqual([]);
  });

  test('brings the packages that the lock file names, each with its hash', async () => {
    const ours = await readJson(join(ROOT, 'package-lock.json'));
    const shipped = Object.fromEntries(
      Object.entries(ours.packages as Record<string, LockEntry>).filter(
        ([path, { dev, link }]) => path.startsWith('node_modules/') && !dev && !link,
      ),
    );
    const theirs = await readJson(join(server, 'npm-shrinkwrap.json'));
    const { '': own, ...packages } = theirs.packages;
    expect(packages).toEqual(shipped);
    expect(own.devDependencies).toBeUndefined();
    const installed = await readJson(join(server, 'node_modules/.package-lock.json'));
    const entries = Object.entries(installed.packages as Record<string, LockEntry>);
    expect(entries.length).toBeGreaterThan(40);
    for (const [path, { version, integrity }] of entries) {
      expect({ path, version, integrity }).toEqual({
        path,
        version: shipped[path]?.version,
        integrity: shipped[path]?.integrity,
      });
    }
  });

  test('says what it can do: each command loads', async () => {
    const tickwire = join(project, 'node_modules/.bin/tickwire');
    const { version } = await readJson(join(ROOT, 'package.json'));
    const { stdout } = await run(tickwire, ['--version'], { cwd: folder });
    expect(stdout.trim()).toBe(version);
    const commands = [
      [['doctor', '--server.port=0'], /node|descriptor/i],
      [['feed', '--help'], /feed/],
      [['rules', 'check', 'none.json'], /none\.json/],
      [['rules', 'test', 'none.json'], /none\.json/],
      [['backtest', '--rules', 'none.json', '--ticks', 'none.csv'], /none/],
      [['journal', 'info', '--store.directory=none'], /none/],
      [['replay', '--store.directory=none', '--url', 'ws://127.0.0.1:9'], /none/],
      [['sinks', 'test', '--rules', 'none.json'], /none\.json/],
    ] as const;
    for (const [args, expected] of commands) {
      const child = new ManagedProcess(tickwire, args, { cwd: folder });
      onTestFinished(() => child.stop());
      await child.exited;
      expect(child.output, args.join(' ')).toMatch(expected);
      expect(child.output, args.join(' ')).not.toMatch(/MODULE_NOT_FOUND|Cannot find/);
    }
  });

  test('plays the venues of deploy/compose.yaml', async () => {
    const tickwire = join(project, 'node_modules/.bin/tickwire');
    const feed = new ManagedProcess(tickwire, ['feed', '--demo'], { cwd: folder });
    onTestFinished(() => feed.stop());
    await feed.ready(() => feed.output.match(/"msg":"live"/g)?.length === 2);
  });
});

/** glibc of this machine, times 100: 2.38 is 238. */
function glibc(): number {
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  const [major = 0, minor = 0] = (header.glibcVersionRuntime ?? '0.0').split('.').map(Number);
  return major * 100 + minor;
}

/** The transport that a version of Node must take here; see UWS_BINARIES. */
function expectedTransport(major: number): string {
  if (major === 20) return 'uws';
  return hasNodeVersions && major < 26 && glibc() >= 238 ? 'uws' : 'node';
}

const own = Number(process.versions.node.split('.')[0]);

describe.each(hasNodeVersions ? NODE_VERSIONS : [own])('npx tickwire on Node %i', (major) => {
  /** Starts it where it is installed, with its store there. */
  function start(): ManagedProcess {
    const env = { PATH: `${nodeFolder(major)}:${process.env.PATH}`, HOME: process.env.HOME };
    const store = `--store.directory=data-${major}`;
    const flags = ['--server.port=0', '--log.format=json', '--processing.partitions=2', store];
    const child = new ManagedProcess('npx', ['--no', '--', 'tickwire', ...flags], {
      cwd: project,
      env,
    });
    onTestFinished(() => child.stop());
    return child;
  }

  const listening = ({ output }: ManagedProcess) =>
    /"url":"http:\/\/127\.0\.0\.1:(\d+)","transport":"(\w+)"/.exec(output);

  test('serves the page, lets a tick through, and keeps it over a stop', async ({ annotate }) => {
    const first = start();
    await first.ready(() => listening(first) !== null);
    const [, port = '', transport] = listening(first) ?? [];
    await annotate(`transport ${transport}`);
    expect(transport).toBe(expectedTransport(major));
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toContain(`nodejs_version_info{version="v${major}.`);
    expect(first.output).not.toContain('not built');
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('dashboard.js');
    expect((await fetch(`http://127.0.0.1:${port}/sdk/tickwire.js`)).status).toBe(200);
    await expectTicksToPass(Number(port), 'BTC-USD');
    // The output is at its end once the server is gone, too.
    first.kill('SIGTERM');
    expect(await first.exited).toBe('SIGTERM');
    expect(first.output).toContain('"msg":"stopped"');

    const second = start();
    await second.ready(() => listening(second) !== null);
    const answer = await fetch(`http://127.0.0.1:${listening(second)?.[1]}/api/prices/BTC-USD`);
    expect(await answer.json()).toMatchObject({ currentPrice: 108, movingAverage: 103 });
    second.kill('SIGTERM');
    await second.exited;
    expect(second.output).toContain('"msg":"stopped"');
  });
});

/** Paths below a folder, with slashes. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .filter((file) => !file.includes('node_modules/'));
}
