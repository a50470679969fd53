import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort, ManagedProcess } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { addAuthorities, addNode, makeDebianBase, noImages } from '../support/debian-base.ts';
import { folderForSuite, folderForTest } from '../support/folders.ts';
import { installNodeVersions } from '../support/node-versions.ts';
import { expectTicksToPass } from '../support/passed-tick.ts';
import { makeRelease } from '../support/release.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Node alone is 128 MB. */
const IMAGE_BYTES_MAX = 175_000_000;
const USER = '65532:65532';

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

describe.skipIf(noImages !== undefined && !process.env.CI)(
  `deploy/Dockerfile${noImages === undefined ? '' : ` (${noImages})`}`,
  () => {
    const folder = folderForSuite();
    /** Where the file systems of the base and of the image are mounted. */
    let base = '';
    let root = '';
    let config: ImageConfig;
    let healthCheck: readonly string[] = [];

    async function buildah(...args: readonly string[]): Promise<string> {
      const storage = [
        '--storage-driver=vfs',
        `--root=${folder}/storage`,
        `--runroot=${folder}/run`,
      ];
      const options = { cwd: ROOT, maxBuffer: 1 << 24 };
      const { stdout } = await run('buildah', [...storage, ...args], options);
      return stdout.trim();
    }

    beforeAll(async () => {
      await makeRelease(join(folder, 'release'));
      const debian = await buildah('from', 'scratch');
      base = await buildah('mount', debian);
      const [node] = await Promise.all([installNodeVersions(folder), makeDebianBase(base)]);
      addNode(base, node(24));
      const authorities = addAuthorities(base);
      if (authorities !== undefined) {
        await buildah('config', `--env=NODE_EXTRA_CA_CERTS=${authorities}`, debian);
      }
      await buildah('commit', '--quiet', debian, 'base');
      await buildah(
        'build',
        '--isolation=chroot',
        '--format=docker',
        '--quiet',
        ...(await registryFlags()),
        '--build-arg=BASE=localhost/base',
        '--pull=never',
        '--tag=tickwire',
        '--file=deploy/Dockerfile',
        join(folder, 'release'),
      );
      const inspected = JSON.parse(await buildah('inspect', '--type=image', 'tickwire'));
      config = inspected.Docker.config;
      healthCheck = config.Healthcheck.Test.slice(1);
      const container = await buildah('from', '--pull=never', 'tickwire');
      root = await buildah('mount', container);
    }, 1_200_000);

    test('has nothing but Node, its libraries, and the server', async ({ annotate }) => {
      expect(readdirSync(join(root, 'usr/local/bin'))).toEqual(['node']);
      expect(existsSync(join(root, 'bin'))).toBe(false);
      expect(existsSync(join(root, 'usr/bin'))).toBe(false);
      const { stdout } = await run('du', ['-sb', root]);
      const bytes = Number(stdout.split('\t')[0]);
      await annotate(`the image has ${(bytes / 1e6).toFixed(0)} MB`);
      expect(bytes).toBeLessThan(IMAGE_BYTES_MAX);
    });

    test('belongs to root, runs as another user, and has one volume', async () => {
      expect(config.User).toBe(USER);
      expect(Object.keys(config.Volumes)).toEqual(['/data']);
      expect(statSync(join(root, 'data'))).toMatchObject({ uid: 65532, mode: 0o40700 });
      const { stdout } = await run('find', [root, '-user', '65532']);
      expect(stdout.trim()).toBe(join(root, 'data'));
    });

    /**
     * Runs what the image says, as a container engine would: as its user, in a name space of
     * processes, on a read-only root with one volume that can be written.
     */
    function container(volume: string, command: readonly string[], env: readonly string[]) {
      // Outside of the mount that buildah made: it is not changed for others.
      const script = [
        'mount --bind "$1" "$1"',
        'mount --bind "$2" "$1/data"',
        'mount -t proc proc "$1/proc"',
        'mount -o remount,bind,ro "$1"',
        'root=$1; user=$3; shift 3',
        'exec chroot --userspec="$user" "$root" "$@"',
      ].join(' && ');
      const spaces = ['--mount', '--pid', '--fork', '--kill-child'];
      const args = [...spaces, 'sh', '-c', script, 'sh', root, volume, config.User, ...command];
      const names = Object.fromEntries([...config.Env, ...env].map((each) => each.split(/=(.*)/s)));
      const child = new ManagedProcess('unshare', args, {
        env: { PATH: process.env.PATH, ...names },
      });
      onTestFinished(async () => {
        // A change of user takes away the signal at the parent's death.
        for (const pid of processesOf(child.pid)) process.kill(pid, 'SIGKILL');
        await child.end();
      });
      return child;
    }

    function volumeForTest(): string {
      const volume = join(folderForTest(), 'data');
      mkdirSync(volume);
      return volume;
    }

    test('starts no server that anybody may use', async () => {
      const child = container(volumeForTest(), config.Entrypoint, []);
      expect(await child.exited).toBe(1);
      expect(child.output).toContain('server.allowAnonymous=yes');
    });

    test('serves on uws as process 1 on a read-only root, and ends at SIGTERM', async () => {
      const volume = volumeForTest();
      await run('chown', [USER, volume]);
      const port = await freePort();
      const env = [
        `TICKWIRE_SERVER_PORT=${port}`,
        'TICKWIRE_SERVER_ALLOW_PLAINTEXT=yes',
        'TICKWIRE_SERVER_ALLOW_ANONYMOUS=yes',
      ];
      const child = container(volume, config.Entrypoint, env);
      await child.ready(() => isServing(port));
      // It listens before it says so.
      await until(() => child.output.includes('"transport":'));
      expect(child.output).toContain('"transport":"uws"');
      expect(child.output).not.toContain('not built');
      const [pid = 0] = processesOf(child.pid);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^NSpid:\s+\d+\s+1$/m);
      expect(status).toMatch(/^Uid:\s+65532\s/m);
      const mounts = readFileSync(`/proc/${pid}/mounts`, 'utf8');
      expect(mounts).toMatch(/^\S+ \/ \S+ ro,/m);
      await expectTicksToPass(port, 'BTC-USD');
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);

      const healthy = container(volumeForTest(), healthCheck, env);
      expect(await healthy.exited, healthy.output).toBe(0);
      const other = [`TICKWIRE_SERVER_PORT=${await freePort()}`];
      expect(await container(volumeForTest(), healthCheck, other).exited).toBe(1);

      process.kill(pid, 'SIGTERM');
      expect(await child.exited).toBe(0);
      expect(child.output).toContain('"msg":"stopped"');
      expect(readdirSync(volume)).toContain('data.mdb');
      const again = container(volume, config.Entrypoint, env);
      await again.ready(() => isServing(port));
      const answer = await fetch(`http://127.0.0.1:${port}/api/prices/BTC-USD`);
      expect(await answer.json()).toMatchObject({ currentPrice: 108 });
    });

    test('its Debian and Node pass the conformance suite of the transports', async () => {
      const script = [
        'mkdir -p "$1$2" && mount --rbind "$2" "$1$2"',
        'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"',
        'cd "$2" && exec chroot "$1" sh -c "cd $2 && exec $3"',
      ].join(' && ');
      const tests = 'test/conformance/transport.test.ts test/conformance/transport-tls.test.ts';
      const flags = '--project fast --reporter=verbose';
      const command = `node node_modules/vitest/vitest.mjs run ${flags} ${tests}`;
      const PATH = '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
      const { stdout } = await run(
        'unshare',
        ['--mount', 'sh', '-ec', script, 'sh', base, ROOT, command],
        {
          // In CI no suite may be skipped.
          env: { PATH, HOME: '/root', CI: 'true', NO_COLOR: '1' },
          maxBuffer: 1 << 24,
        },
      );
      expect(stdout).toMatch(/Tests +\d+ passed \(\d+\)/);
      expect(stdout).toContain('> on uws >');
    });
  },
);

/** The processes that a process has started; none if it is gone. */
function processesOf(parent: number): number[] {
  const file = `/proc/${parent}/task/${parent}/children`;
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** What npm needs in the build to reach the registry that it reaches here, and its cache. */
async function registryFlags(): Promise<readonly string[]> {
  const read = async (key: string) => (await run('npm', ['config', 'get', key])).stdout.trim();
  const [userConfig, cache] = await Promise.all([read('userconfig'), read('cache')]);
  return [
    ...(existsSync(userConfig) ? [`--secret=id=npmrc,src=${userConfig}`] : []),
    ...(existsSync(cache) ? [`--volume=${cache}:/root/.npm`] : []),
  ];
}
