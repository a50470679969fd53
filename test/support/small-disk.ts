import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { StoreFolder } from './store-folder.ts';

/** Whether this process may mount: root in a container often may not. */
export function canMount(): boolean {
  using folder = new StoreFolder();
  mkdirSync(folder.path);
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder.path]).status === 0;
  if (isMounted) execFileSync('umount', [folder.path]);
  else process.stderr.write('SKIPPED: tests of a full disk, since nothing can be mounted\n');
  return isMounted;
}

/** A separate disk of limited size at the folder's path. */
export class SmallDisk extends StoreFolder {
  constructor(bytes: number) {
    super();
    mkdirSync(this.path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.path]);
  }

  remount(access: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${access}`, this.path]);
  }

  override [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.path]);
    super[Symbol.dispose]();
  }
}
