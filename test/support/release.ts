import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Makes the files of a release, of the build there is.
 *
 * @returns their paths: the server's package, the SDK's, the bill of materials, the checksums
 */
export async function makeRelease(folder: string): Promise<readonly string[]> {
  const args = [join(ROOT, 'scripts/release.mjs'), folder];
  const { stdout } = await run(process.execPath, args, { cwd: ROOT });
  return stdout.trim().split('\n');
}

/** Flags of npm. */
export const QUIETLY = ['--prefer-offline', '--no-audit', '--no-fund'];

/** Installs a package into a new folder below this one; answers that folder. */
export async function installPackage(tarball: string, below: string): Promise<string> {
  const project = join(below, 'installed');
  await mkdir(project);
  await run('npm', ['install', ...QUIETLY, '--prefix', project, tarball], { cwd: project });
  return project;
}

/** Unpacks a package, as docs/OPERATIONS.md says, with the packages of its lock file. */
export async function unpackPackage(tarball: string, below: string): Promise<string> {
  const folder = join(below, 'unpacked');
  await mkdir(folder);
  await run('tar', ['xzf', tarball, '-C', folder, '--strip-components=1']);
  await run('npm', ['ci', '--omit=dev', '--ignore-scripts', ...QUIETLY], { cwd: folder });
  return folder;
}
