import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '../store.ts';

export const LOCK_FILE = 'tickwire-store.lock';

/** The directory is another server's now: it was taken over while this process stood still. */
export class StoreLostError extends StoreError {
  override readonly name = 'StoreLostError';
}

/**
 * The lock that makes a directory this server's. Whoever is about to write compares it with the
 * file: a process that stood still for long enough has been succeeded, and must not write again.
 */
export interface Claim {
  readonly path: string;
  /** What this server wrote into the file; holds an id that no other server's does. */
  readonly content: string;
}

/** A lock as found. */
export interface FoundLock {
  readonly content: string;
  /** The device and number of the file, which a copy of the directory does not share. */
  readonly file: string;
  readonly modifiedNs: bigint;
}

/** @returns undefined if there is none */
export function readLock(path: string): FoundLock | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { mtimeNs } = fstatSync(descriptor, { bigint: true });
    const content = readFileSync(descriptor, 'utf8');
    return { content, file: fileOf(descriptor), modifiedNs: mtimeNs };
  } finally {
    closeSync(descriptor);
  }
}

export function fileOf(descriptor: number): string {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev}:${ino}`;
}

/** A server that looks whether a lock is stale moves it away for a moment, and back. */
const MOVED_TRIES = 5;
const MOVED_MS = 10;

/**
 * Blocks the thread for a file read.
 *
 * @throws StoreLostError if the directory is no longer this server's
 * @throws Error if it cannot be said now, for example because the disk fails
 */
export function checkClaim({ path, content }: Claim): void {
  for (let tries = 1; ; tries++) {
    if (isHeld(readLock(path)?.content, { path, content }, tries)) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MOVED_MS);
  }
}

/** The same without blocking. */
export async function checkClaimLater({ path, content }: Claim): Promise<void> {
  for (let tries = 1; ; tries++) {
    const found = await readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    });
    if (isHeld(found, { path, content }, tries)) return;
    await delay(MOVED_MS);
  }
}

/** @returns false if it is to be looked again */
function isHeld(found: string | undefined, { path, content }: Claim, tries: number): boolean {
  if (found === content) return true;
  const directory = dirname(path);
  if (found !== undefined) {
    throw new StoreLostError(`store.directory ${directory} was taken over by ${describe(found)}.`);
  }
  if (!existsSync(directory)) throw new StoreError(`store.directory ${directory} is gone.`);
  if (tries < MOVED_TRIES) return false;
  throw new StoreLostError(
    `store.directory ${directory} has lost its ${LOCK_FILE}: ` +
      'another server has used it since, or somebody has removed the file.',
  );
}

function describe(found: string): string {
  const owner = parseOwner(found);
  return owner === undefined ? 'another' : `process ${owner.pid} on ${owner.host}`;
}

/** A lock's content. */
export interface Owner {
  readonly id: string;
  readonly pid: number;
  /** Start time of the process, as the system counts it: tells apart processes that reuse a pid. */
  readonly began?: string | undefined;
  /** Where a pid identifies a process: one boot of one machine, or one container. */
  readonly realm: string;
  readonly host: string;
  /** The lock as it was made: see {@link FoundLock.file}. */
  readonly file?: string | undefined;
  /** Whether it listens on a socket beside the lock. */
  readonly hasSocket?: boolean | undefined;
}

const ID = /^[0-9a-f-]{36}$/;

/** @returns undefined for what is no lock */
export function parseOwner(content: string): Owner | undefined {
  try {
    const owner = JSON.parse(content) as Partial<Owner> | null;
    const isOwner =
      typeof owner?.pid === 'number' &&
      typeof owner.realm === 'string' &&
      typeof owner.id === 'string' &&
      ID.test(owner.id);
    return isOwner ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}
