import { randomUUID } from 'node:crypto';
import {
  closeSync,
  futimes,
  linkSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError, type StoreLog } from '../store.ts';
import {
  type Claim,
  checkClaimLater,
  type FoundLock,
  fileOf,
  LOCK_FILE,
  type Owner,
  parseOwner,
  readLock,
  StoreLostError,
} from './claim.ts';
import { describeProcess, isRunning, isSameKernel } from './owner-process.ts';
import { OwnerSocket, probeOwner, removeSocket } from './owner-socket.ts';

/** Interval at which the owner renews the lock's mtime, ms: its heartbeat. */
const BEAT_MS = 2000;
/** Time without a heartbeat after which an owner elsewhere counts as dead, ms. */
const SILENCE_MS = 10_000;
const POLL_MS = 200;

/** Replaced in tests. */
export interface LockSeams {
  /** Instead of this boot and container. */
  readonly realm?: string;
  readonly silenceMs?: number;
  readonly beatMs?: number;
}

/** Directories locked by this process, whose pid cannot tell two stores apart. */
const lockedHere = new Set<string>();

/**
 * Keeps a second server out of a store's directory. What shows that an owner lives, best first: its
 * process, for a server of the same container; its socket, for one under the same kernel; else the
 * heartbeat, observed for a while. Clocks of different machines are never compared.
 */
export class DirectoryLock {
  readonly claim: Claim;
  /** Resolves when the directory is another's. */
  readonly lost: Promise<StoreLostError>;
  readonly #directory: string;
  readonly #descriptor: number;
  readonly #socket: OwnerSocket | undefined;
  readonly #timer: NodeJS.Timeout;
  #lose: (error: StoreLostError) => void = () => {};
  #isBeating = false;
  #isReleased = false;

  private constructor({ claim, descriptor, socket }: Candidate, beatMs: number) {
    this.claim = claim;
    this.#directory = dirname(claim.path);
    this.#descriptor = descriptor;
    this.#socket = socket;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.#timer = setInterval(() => void this.#beat(), beatMs).unref();
  }

  /**
   * Takes over the lock of a dead server, at once or after {@link SILENCE_MS}.
   *
   * @throws StoreError if another server, or this one, holds the directory
   */
  static async acquire(
    given: string,
    log: StoreLog,
    { silenceMs = SILENCE_MS, beatMs = BEAT_MS, realm }: LockSeams = {},
  ): Promise<DirectoryLock> {
    const directory = realpathSync(given);
    if (lockedHere.has(directory)) {
      throw new StoreError(`store.directory ${given} is already open in this process.`);
    }
    lockedHere.add(directory);
    let candidate: Candidate | undefined;
    try {
      candidate = await makeCandidate(directory, realm);
      const { claim, owner, file } = candidate;
      while (!tryLink(file, claim.path)) {
        await new Takeover(claim.path, owner, log, silenceMs).run();
      }
      rmSync(file, { force: true });
      return new DirectoryLock(candidate, beatMs);
    } catch (error) {
      lockedHere.delete(directory);
      discard(candidate);
      if (error instanceof StoreError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new StoreError(`store.directory ${given} cannot be locked: ${reason}.`);
    }
  }

  /**
   * Blocks no thread; see {@link checkClaimLater}.
   *
   * @throws StoreLostError if the directory is another's
   */
  async check(): Promise<void> {
    try {
      await checkClaimLater(this.claim);
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
  }

  /** Notes an error of a write that a {@link Claim} has stopped. */
  noteFailure(error: unknown): void {
    // A check under way at the release misses the lock that was just removed.
    if (error instanceof StoreLostError && !this.#isReleased) this.#lose(error);
  }

  release(): void {
    this.#isReleased = true;
    clearInterval(this.#timer);
    lockedHere.delete(this.#directory);
    const { path, content } = this.claim;
    const aside = `${path}.${randomUUID()}`;
    if (tryRead(path)?.content === content) moveAside(path, aside, content);
    this.#socket?.close();
    closeSync(this.#descriptor);
  }

  /** Touches the file that this server made, never another's at the same path. */
  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const now = Date.now() / 1000;
    await new Promise<void>((resolve) => {
      // Fails while the disk does; writing then fails as well.
      futimes(this.#descriptor, now, now, () => resolve());
    });
    await this.check().catch(() => {});
    this.#isBeating = false;
  }
}

/** A lock that is not in its place yet. */
interface Candidate {
  readonly claim: Claim;
  readonly owner: Owner;
  readonly file: string;
  readonly descriptor: number;
  readonly socket: OwnerSocket | undefined;
}

async function makeCandidate(directory: string, realm: string | undefined): Promise<Candidate> {
  const id = randomUUID();
  const path = join(directory, LOCK_FILE);
  const file = `${path}.${id}`;
  const descriptor = openSync(file, 'wx', 0o644);
  try {
    const process = describeProcess();
    const socket = await OwnerSocket.listen(directory, id);
    const owner: Owner = {
      id,
      ...process,
      realm: realm ?? process.realm,
      file: fileOf(descriptor),
      hasSocket: socket !== undefined,
    };
    const content = `${JSON.stringify(owner)}\n`;
    try {
      writeSync(descriptor, content);
    } catch (error) {
      socket?.close();
      throw error;
    }
    return { claim: { path, content }, owner, file, descriptor, socket };
  } catch (error) {
    closeSync(descriptor);
    rmSync(file, { force: true });
    throw error;
  }
}

function discard(candidate: Candidate | undefined): void {
  if (candidate === undefined) return;
  rmSync(candidate.file, { force: true });
  candidate.socket?.close();
  closeSync(candidate.descriptor);
}

/** Types of file systems that one kernel has for itself: they are not on a network or in FUSE. */
const LOCAL_TYPES = new Set([
  0xef53 /* ext2 to ext4 */, 0x58465342 /* XFS */, 0x9123683e /* Btrfs */, 0x2fc12fc1 /* ZFS */,
  0xf2f52010 /* F2FS */, 0x01021994 /* tmpfs */, 0x794c7630 /* overlay */,
]);

/** One look at a lock that is in the way. */
class Takeover {
  readonly #path: string;
  readonly #self: Owner;
  readonly #log: StoreLog;
  readonly #silenceMs: number;

  constructor(path: string, self: Owner, log: StoreLog, silenceMs: number) {
    this.#path = path;
    this.#self = self;
    this.#log = log;
    this.#silenceMs = silenceMs;
  }

  /**
   * Removes the lock if its owner is dead. The caller then tries again.
   *
   * @throws StoreError if the owner lives
   */
  async run(): Promise<void> {
    const found = readLock(this.#path);
    if (found === undefined) return;
    const other = parseOwner(found.content);
    const isAlive = other !== undefined && (await this.#isAlive(other, found));
    if (isAlive) {
      throw new StoreError(
        `store.directory ${dirname(this.#path)} is in use by process ${other.pid} on ` +
          `${other.host} (${LOCK_FILE}). Stop that one first, or name another directory.`,
      );
    }
    // Others may have found the same stale lock: make sure that the one moved away is the one read.
    if (readLock(this.#path)?.content !== found.content) return;
    moveAside(this.#path, `${this.#path}.${this.#self.id}.stale`, found.content);
    if (other !== undefined) removeSocket(dirname(this.#path), other.id);
  }

  async #isAlive(other: Owner, found: FoundLock): Promise<boolean> {
    const isNeighbour = other.realm === this.#self.realm;
    if (isNeighbour && !isRunning(other)) return false;
    const isOriginal = other.file === undefined || other.file === found.file;
    if (isNeighbour && isOriginal) return true;
    if (isSameKernel(other, this.#self) && this.#isLocal()) {
      // Copied with the directory.
      if (!isOriginal) return false;
      const hasSocket = other.hasSocket === true;
      const answer = hasSocket ? await probeOwner(dirname(this.#path), other.id) : undefined;
      if (answer !== undefined) return answer;
    }
    return this.#beats(other, found);
  }

  #isLocal(): boolean {
    return process.platform === 'linux' && LOCAL_TYPES.has(statfsSync(dirname(this.#path)).type);
  }

  /** Watches whether the lock is renewed, or otherwise changes. */
  async #beats(other: Owner, { content, modifiedNs }: FoundLock): Promise<boolean> {
    const silenceMs = this.#silenceMs;
    this.#log.info(
      { owner: { pid: other.pid, host: other.host }, silenceMs },
      'the store has the lock of a server elsewhere: waiting to see whether it still runs',
    );
    let observedMs = 0;
    let lookedAt = performance.now();
    while (observedMs < silenceMs) {
      await delay(POLL_MS);
      const found = readLock(this.#path);
      if (found?.content !== content) return false;
      if (found.modifiedNs !== modifiedNs) return true;
      // This process's own standstill is not the other's silence.
      observedMs += Math.min(performance.now() - lookedAt, 2 * POLL_MS);
      lookedAt = performance.now();
    }
    return false;
  }
}

/** Removes a lock, unless it has another content: that one is put back. */
function moveAside(path: string, aside: string, content: string): void {
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (tryRead(aside)?.content !== content) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function tryRead(path: string): FoundLock | undefined {
  try {
    return readLock(path);
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
