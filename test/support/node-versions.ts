import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { QUIETLY } from './release.ts';

const RUNTIMES = fileURLToPath(new URL('runtimes', import.meta.url));

/** The major versions of Node in `runtimes`. */
export const NODE_VERSIONS = [20, 22, 24, 26];

/** They are installed for this platform only. */
export const hasNodeVersions = process.platform === 'linux' && process.arch === 'x64';
if (!hasNodeVersions) process.stderr.write('NOT TRIED: versions of Node, but on Linux x64\n');

/**
 * Installs these versions of Node below a folder, by their lock file.
 *
 * @returns the folder of a version's program
 */
export async function installNodeVersions(below: string): Promise<(major: number) => string> {
  const project = join(below, 'runtimes');
  const isSource = (path: string) => !path.includes('node_modules');
  await cp(RUNTIMES, project, { recursive: true, filter: isSource });
  await promisify(execFile)('npm', ['ci', ...QUIETLY], { cwd: project });
  return (major) => join(project, `node_modules/node-${major}/bin`);
}
