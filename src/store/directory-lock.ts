import { randomUUID } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { StoreError } from './store.ts';

export const LOCK_FILE = 'tickwire-store.lock';

/** Interval at which the owner renews the lock's mtime, ms. Servers elsewhere see only that. */
const RENEW_MS = 5000;
/** An owner elsewhere that has not renewed its lock for this long counts as dead, ms. */
const SILENCE_MS_MAX = 15_000;

/** Indexes in /proc/PID/stat after the name: the state, and the start time of the process. */
const STATE = 0;
const BEGIN = 19;

interface Owner {
  readonly id: string;
  readonly pid: number;
  /** Start time of the process, as the system counts it: tells apart processes that reuse a pid. */
  readonly began: string | undefined;
  /** Where a pid identifies a process: one boot of one machine, or one container. */
  readonly realm: string;
  readonly host: string;
}

/** Directories locked by this process, whose pid cannot tell two stores apart. */
const lockedHere = new Set<string>();

/** Keeps a second process out of a store's directory. Takes over the lock of a killed process. */
export class DirectoryLock {
  readonly #path: string;
  readonly #directory: string;
  readonly #content: string;
  readonly #timer: NodeJS.Timeout;

  /** @throws StoreError if another process, or this one, holds the directory */
  constructor(directory: string) {
    this.#directory = realpathSync(directory);
    this.#path = join(this.#directory, LOCK_FILE);
    const owner = describeSelf();
    this.#content = `${JSON.stringify(owner)}\n`;
    if (lockedHere.has(this.#directory)) {
      throw new StoreError(`store.directory ${directory} is already open in this process.`);
    }
    this.#acquire(directory, owner);
    lockedHere.add(this.#directory);
    this.#timer = setInterval(() => this.#renew(), RENEW_MS).unref();
  }

  release(): void {
    clearInterval(this.#timer);
    lockedHere.delete(this.#directory);
    if (readLock(this.#path) === this.#content) rmSync(this.#path, { force: true });
  }

  /** Creates the lock by a hard link: atomic, and never replaces another's. */
  #acquire(directory: string, owner: Owner): void {
    const candidate = `${this.#path}.${owner.id}`;
    try {
      writeFileSync(candidate, this.#content, { flag: 'wx' });
      while (!tryLink(candidate, this.#path)) this.#removeStale(directory, owner);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError(`store.directory ${directory} cannot be locked: ${reason}.`);
    } finally {
      rmSync(candidate, { force: true });
    }
  }

  #removeStale(directory: string, owner: Owner): void {
    const found = readLock(this.#path);
    if (found === undefined) return;
    const other = parseOwner(found);
    if (other !== undefined && isAlive(other, owner, this.#path)) {
      throw new StoreError(
        `store.directory ${directory} is in use by process ${other.pid} on ${other.host} ` +
          `(${LOCK_FILE}). Stop that one first, or name another directory.`,
      );
    }
    // Two servers may find the same stale lock: make sure that the one moved away is the one read.
    const aside = `${this.#path}.${owner.id}.stale`;
    try {
      renameSync(this.#path, aside);
    } catch {
      return;
    }
    if (readLock(aside) !== found) tryLink(aside, this.#path);
    rmSync(aside, { force: true });
  }

  #renew(): void {
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {
      // The disk is full or failing. Servers that see this process know that it lives.
    }
  }
}

function describeSelf(): Owner {
  return {
    id: randomUUID(),
    pid: process.pid,
    began: beginOf(process.pid),
    realm: `${readText('/proc/sys/kernel/random/boot_id') ?? hostname()} ${readNamespace()}`,
    host: hostname(),
  };
}

function isAlive(other: Owner, self: Owner, path: string): boolean {
  if (other.realm !== self.realm) {
    const silenceMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return silenceMs < SILENCE_MS_MAX;
  }
  if (other.pid === self.pid) return false;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  if (wordsOf(other.pid)?.[STATE] === 'Z') return false;
  const began = beginOf(other.pid);
  return began === undefined || other.began === undefined || began === other.began;
}

function beginOf(pid: number): string | undefined {
  return wordsOf(pid)?.[BEGIN];
}

/** Fields of /proc/PID/stat after the name, which may hold anything; undefined without /proc. */
function wordsOf(pid: number): string[] | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return typeof owner?.pid === 'number' && typeof owner.realm === 'string'
      ? (owner as Owner)
      : undefined;
  } catch {
    return undefined;
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
