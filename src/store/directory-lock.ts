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

/** How often the owner touches the lock, for servers that cannot look at its process. */
const TOUCH_MS = 5000;
/** An owner that has not touched its lock for this long counts as dead there. */
const SILENCE_MS_MAX = 15_000;

/** Fields of /proc/PID/stat after the name: the state, and when the process began. */
const STATE = 0;
const BEGIN = 19;

interface Owner {
  readonly id: string;
  readonly pid: number;
  /** When the process began, as the system counts: its pid may belong to another by now. */
  readonly began: string | undefined;
  /** Where a pid means the same process: this boot of this machine, or this container. */
  readonly realm: string;
  readonly host: string;
}

/** Directories that this process has locked: its own pid says nothing about those. */
const lockedHere = new Set<string>();

/** Keeps a second process out of a store's directory. Takes over what a killed process left. */
export class DirectoryLock {
  readonly #path: string;
  readonly #directory: string;
  readonly #content: string;
  readonly #timer: NodeJS.Timeout;

  /** @throws StoreError when another process, or this one, has the directory */
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
    this.#timer = setInterval(() => this.#touch(), TOUCH_MS).unref();
  }

  release(): void {
    clearInterval(this.#timer);
    lockedHere.delete(this.#directory);
    if (readLock(this.#path) === this.#content) rmSync(this.#path, { force: true });
  }

  /** By a hard link, which is made whole or not at all and never replaces another. */
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
    // Two servers may find the same stale lock: what is moved away must be what was read.
    const aside = `${this.#path}.${owner.id}.stale`;
    try {
      renameSync(this.#path, aside);
    } catch {
      return;
    }
    if (readLock(aside) !== found) tryLink(aside, this.#path);
    rmSync(aside, { force: true });
  }

  #touch(): void {
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {
      // The disk takes no writes. Servers that see this process still know that it lives.
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
