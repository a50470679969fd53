import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from './directory.ts';
import type { DirectoryLock } from './lock/directory-lock.ts';
import {
  openSnapshot,
  type SnapshotInfo,
  type SnapshotResult,
  SnapshotVersionError,
  SnapshotWriter,
  type StoredSnapshot,
} from './snapshot-format.ts';
import { StoreError, type StoreLog } from './store.ts';

const NAME = /^snapshot-([1-9]\d{0,14})\.tws$/;
const TEMPORARY_NAME = /^snapshot-[1-9]\d{0,14}\.tws(\.[0-9a-f-]{36})?\.tmp$/;

/**
 * A store's snapshots: files numbered from 1. Keeps the last two that are intact. Neither replaces
 * nor removes the files of a server that has taken the directory over.
 */
export class SnapshotFiles {
  readonly #directory: string;
  readonly #log: StoreLog;
  readonly #lock: Pick<DirectoryLock, 'check'>;
  #isSaving = false;
  /** The newest one known to be intact. */
  #intact: number | undefined;

  constructor(directory: string, log: StoreLog, lock: Pick<DirectoryLock, 'check'>) {
    this.#directory = directory;
    this.#log = log;
    this.#lock = lock;
  }

  /** Removes the files of interrupted saves. */
  removeTemporary(): void {
    for (const name of readdirSync(this.#directory)) {
      if (TEMPORARY_NAME.test(name)) rmSync(join(this.#directory, name), { force: true });
    }
  }

  /**
   * The newest snapshot that is intact and that `check` takes without throwing; undefined if none.
   * Logs why newer ones are not, and keeps their files.
   *
   * @throws StoreError if one was written by a newer server, or `check` throws one
   */
  load(check?: (snapshot: StoredSnapshot) => void): StoredSnapshot | undefined {
    const numbers = this.#numbers().toReversed();
    for (const number of numbers) {
      const path = this.#path(number);
      try {
        const snapshot = openSnapshot(path, number);
        check?.(snapshot);
        this.#intact = number;
        return snapshot;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        if (error instanceof SnapshotVersionError) {
          throw new StoreError(
            `${path} cannot be used: ${error.message}. ` +
              'Nothing was changed. Start the newer version, or name another directory.',
          );
        }
        this.keep(number);
        this.#log.warn(
          { path, reason: reasonOf(error) },
          'a snapshot is damaged; using the one before it',
        );
      }
    }
    if (numbers.length > 0) {
      this.#log.error(
        { directory: this.#directory },
        'no snapshot is intact: statistics start anew',
      );
    }
    return undefined;
  }

  /** Keeps a snapshot's file as `….kept` when it is no longer one of the last two. */
  keep(number: number): void {
    const path = this.#path(number);
    const kept = `${path}.kept`;
    try {
      if (existsSync(kept) && statSync(kept).ino === statSync(path).ino) return;
      linkSync(path, existsSync(kept) ? `${kept}.${Date.now()}` : kept);
    } catch (error) {
      this.#log.warn({ path, reason: reasonOf(error) }, 'the file of a snapshot cannot be kept');
    }
  }

  async save(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
  ): Promise<SnapshotResult> {
    if (this.#isSaving) return { isSaved: false, reason: 'another snapshot is being saved' };
    this.#isSaving = true;
    const start = performance.now();
    let temporary: string | undefined;
    try {
      const number = (this.#numbers().at(-1) ?? 0) + 1;
      temporary = `${this.#path(number)}.${randomUUID()}.tmp`;
      const bytes = await writeFile(temporary, chunks, info);
      await this.#lock.check();
      // Fails where a file of this number exists, while a rename would replace it.
      await link(temporary, this.#path(number));
      await rm(temporary);
      await this.#syncDirectory();
      await this.#removeOlder(number);
      return { isSaved: true, number, bytes, durationMs: performance.now() - start };
    } catch (error) {
      if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {});
      return { isSaved: false, reason: reasonOf(error) };
    } finally {
      this.#isSaving = false;
    }
  }

  async #removeOlder(number: number): Promise<void> {
    const older = this.#numbers().filter((other) => other < number);
    const kept = this.#intact ?? older.at(-1);
    this.#intact = number;
    for (const other of older) {
      if (other === kept) continue;
      await this.#lock.check();
      await rm(this.#path(other), { force: true });
    }
  }

  async #syncDirectory(): Promise<void> {
    const file = await open(this.#directory, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Ascending. */
  #numbers(): number[] {
    const numbers: number[] = [];
    for (const name of readdirSync(this.#directory)) {
      const number = NAME.exec(name)?.[1];
      if (number !== undefined) numbers.push(Number(number));
    }
    return numbers.sort((a, b) => a - b);
  }

  #path(number: number): string {
    return join(this.#directory, `snapshot-${number}.tws`);
  }
}

async function writeFile(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  info: SnapshotInfo,
): Promise<number> {
  const file = await open(path, 'w', 0o644);
  try {
    const writer = new SnapshotWriter();
    let bytes = await writeAll(file, writer.begin(info));
    for await (const chunk of chunks) {
      if (chunk.length === 0) continue;
      bytes += await writeAll(file, writer.chunk(chunk));
      bytes += await writeAll(file, chunk);
    }
    bytes += await writeAll(file, writer.end());
    await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
}

/** One call may write only a part, for example when the disk is nearly full. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
  return bytes.length;
}
