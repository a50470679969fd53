import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './example-process.ts';

const run = promisify(execFile);
const SUITE = 'trixie';

/** Programs, and Debian's package of each where its name is another. */
const NEEDED = { buildah: 'buildah', debootstrap: 'debootstrap', unshare: 'util-linux' };
const missing = Object.entries(NEEDED)
  .filter(([program]) => findProgram(program) === undefined)
  .map(([, name]) => name);

/** Why no image can be built here; undefined if one can. */
export const noImages =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'on Linux x64 only'
    : process.getuid?.() !== 0
      ? 'needs root'
      : missing.length > 0
        ? `not installed (Debian: apt-get install ${missing.join(' ')})`
        : undefined;
if (noImages !== undefined) process.stderr.write(`NOT TRIED: the container image: ${noImages}\n`);

/** Makes a file system of Debian 13 in an empty folder. */
export async function makeDebianBase(folder: string): Promise<void> {
  await run('debootstrap', ['--variant=minbase', SUITE, folder], { maxBuffer: 1 << 24 });
  rmSync(join(folder, 'var/cache/apt/archives'), { recursive: true });
}

/**
 * Adds a Node and this machine's npm, where the image node:24-trixie has them.
 *
 * @param node the folder of the Node's program
 */
export function addNode(folder: string, node: string): void {
  const local = join(folder, 'usr/local');
  cpSync(join(node, 'node'), join(local, 'bin/node'));
  chmodSync(join(local, 'bin/node'), 0o755);
  const npm = dirname(dirname(realpathSync(findProgram('npm') ?? 'npm')));
  mkdirSync(join(local, 'lib/node_modules'), { recursive: true });
  cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
}

/**
 * Copies the certificates that Node trusts here beside its own, if there are any: a registry may
 * have one of them.
 *
 * @returns their path in the file system
 */
export function addAuthorities(folder: string): string | undefined {
  const given = process.env.NODE_EXTRA_CA_CERTS;
  if (given === undefined || !existsSync(given)) return undefined;
  const path = '/etc/extra-authorities.pem';
  cpSync(given, join(folder, path), { dereference: true });
  return path;
}
