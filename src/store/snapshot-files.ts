import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from './directory.ts';
import type { DirectoryLock } from './lock/directory-lock.ts';
import {
  openSnapshot,
  readSnapshotInfo,
  SnapshotError,
  type SnapshotExtent,
  type SnapshotFile,
  type SnapshotInfo,
  type SnapshotResult,
  SnapshotVersionError,
  SnapshotWriter,
  type StoredSnapshot,
} from './snapshot-format.ts';
import { StoreError, type StoreLog } from './store.ts';

const NAME = /^snapshot-([1-9]\d{0,14})(?:-since-([1-9]\d{0,14}))?\.tws$/;
const TEMPORARY_NAME = new RegExp(`${NAME.source.slice(0, -1)}(\\.[0-9a-f-]{36})?\\.tmp$`);

/** A snapshot by its numbers; `base` is its own if it is full. */
interface Point {
  readonly number: number;
  readonly base: number;
}

/** The last full snapshot of this process, and the last one on it. */
interface Saved extends Point {
  readonly baseChecksum: number;
}

/**
 * A store's snapshots: files numbered from 1, `snapshot-N.tws` of all symbols, `snapshot-N-since-M`
 * of those that changed since M. Keeps the last two on the newest full one, and the last one
 * before it, so that no damage to one file takes all. Neither replaces nor removes the files of a
 * server that has taken the directory over.
 */
export class SnapshotFiles {
  readonly #directory: string;
  readonly #log: StoreLog;
  readonly #lock: Pick<DirectoryLock, 'check'>;
  #isSaving = false;
  #saved: Saved | undefined;
  /** The last one before the newest full one; before the first save, the one that was loaded. */
  #before: Point | undefined;
  /** See `Store.recoveryPosition`. */
  recoveryPosition: number | undefined;

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
    const points = this.#points().toReversed();
    for (const point of points) {
      const path = this.#path(point);
      try {
        const snapshot = this.#open(point);
        check?.(snapshot);
        if (this.#saved === undefined) this.#before = point;
        return snapshot;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        if (error instanceof SnapshotVersionError) {
          throw new StoreError(
            `${path} cannot be used: ${error.message}. ` +
              'Nothing was changed. Start the newer version, or name another directory.',
          );
        }
        this.keep(point.number);
        this.#log.warn(
          { path, reason: reasonOf(error) },
          'a snapshot is damaged; using the one before it',
        );
      }
    }
    if (points.length > 0) {
      this.#log.error(
        { directory: this.#directory },
        'no snapshot is intact: statistics start anew',
      );
    }
    return undefined;
  }

  /**
   * Keeps a snapshot's file, and that of its base, as `….kept` when they are no longer needed for
   * the last ones.
   */
  keep(number: number): void {
    const point = this.#points().find((other) => other.number === number);
    if (point === undefined) return;
    this.#keep(this.#path(point));
    if (point.base !== number) this.#keep(this.#fullPath(point.base));
  }

  #keep(path: string): void {
    const kept = `${path}.kept`;
    if (!existsSync(path)) return;
    try {
      if (existsSync(kept) && statSync(kept).ino === statSync(path).ino) return;
      linkSync(path, existsSync(kept) ? `${kept}.${Date.now()}` : kept);
    } catch (error) {
      this.#log.warn({ path, reason: reasonOf(error) }, 'the file of a snapshot cannot be kept');
    }
  }

  /** Whether changes can be saved: the last snapshot of this process is there, and its base. */
  get hasBase(): boolean {
    const saved = this.#saved;
    if (saved === undefined) return false;
    const { number, base } = saved;
    return existsSync(this.#path(saved)) && (number === base || existsSync(this.#fullPath(base)));
  }

  async save(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    info: SnapshotInfo,
    extent: SnapshotExtent = 'full',
  ): Promise<SnapshotResult> {
    if (this.#isSaving) return { isSaved: false, reason: 'another snapshot is being saved' };
    this.#isSaving = true;
    const start = performance.now();
    let temporary: string | undefined;
    try {
      // Not even a temporary file in a directory that is another's.
      await this.#lock.check();
      const base = extent === 'changes' ? this.#saved : undefined;
      if (extent === 'changes' && base === undefined) throw new Error('there is no full snapshot');
      const points = this.#points();
      const number = (points.at(-1)?.number ?? 0) + 1;
      const point = { number, base: base?.base ?? number };
      const path = this.#path(point);
      temporary = `${path}.${randomUUID()}.tmp`;
      const { bytes, checksum } = await writeFile(temporary, chunks, info, base?.baseChecksum);
      await this.#lock.check();
      // Fails where a file of this name exists, while a rename would replace it.
      await link(temporary, path);
      await rm(temporary);
      await this.#syncDirectory();
      const last = this.#saved;
      this.#saved = { ...point, baseChecksum: base?.baseChecksum ?? checksum };
      await this.#removeOthers(point, last, points);
      const durationMs = performance.now() - start;
      return { isSaved: true, number, isFull: base === undefined, bytes, durationMs };
    } catch (error) {
      if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {});
      return { isSaved: false, reason: reasonOf(error) };
    } finally {
      this.#isSaving = false;
    }
  }

  #open(point: Point): StoredSnapshot {
    const file = openSnapshot(this.#path(point), point.number);
    if ((file.baseChecksum === undefined) !== (point.number === point.base)) {
      throw new SnapshotError('its name belongs to another kind of snapshot');
    }
    return { ...file, base: this.#openBase(point, file) };
  }

  #openBase({ base }: Point, { baseChecksum }: SnapshotFile): StoredSnapshot | undefined {
    if (baseChecksum === undefined) return undefined;
    let file: SnapshotFile;
    try {
      file = openSnapshot(this.#fullPath(base), base);
    } catch (error) {
      throw new SnapshotError(`its base, snapshot ${base}, is damaged: ${reasonOf(error)}`);
    }
    const isOwn = file.baseChecksum === undefined && file.checksum === baseChecksum;
    if (!isOwn) throw new SnapshotError(`snapshot ${base} is not its base`);
    return { ...file, base: undefined };
  }

  /**
   * @param last saved before this one
   * @param points all before this one, ascending
   */
  async #removeOthers(
    { number, base }: Point,
    last: Point | undefined,
    points: readonly Point[],
  ): Promise<void> {
    if (number === base) this.#before = last ?? this.#before ?? points.at(-1);
    const before = this.#before;
    this.recoveryPosition = this.#recoveryPosition([number, base, last?.number, before?.number]);
    const kept = [base, number === base ? base : last?.number, before?.number, before?.base];
    for (const other of points) {
      if (kept.includes(other.number)) continue;
      await this.#lock.check();
      await rm(this.#path(other), { force: true });
    }
  }

  /** The lowest position in the journal of the snapshots with these numbers. */
  #recoveryPosition(numbers: readonly (number | undefined)[]): number | undefined {
    const positions = this.#points()
      .filter(({ number }) => numbers.includes(number))
      .map((point) => journalPosition(this.#path(point)))
      .filter((position) => position !== undefined);
    return positions.length === 0 ? undefined : Math.min(...positions);
  }

  async #syncDirectory(): Promise<void> {
    const file = await open(this.#directory, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Ascending by number. */
  #points(): Point[] {
    const points: Point[] = [];
    for (const name of readdirSync(this.#directory)) {
      const [, number, base = number] = NAME.exec(name) ?? [];
      if (number !== undefined) points.push({ number: Number(number), base: Number(base) });
    }
    return points.sort((a, b) => a.number - b.number);
  }

  #path({ number, base }: Point): string {
    if (number === base) return this.#fullPath(number);
    return join(this.#directory, `snapshot-${number}-since-${base}.tws`);
  }

  #fullPath(number: number): string {
    return join(this.#directory, `snapshot-${number}.tws`);
  }
}

/** The position in the journal of a snapshot's file; undefined if it has none, or is damaged. */
function journalPosition(path: string): number | undefined {
  try {
    const { journal } = Object(readSnapshotInfo(path)) as { journal?: { position?: unknown } };
    return typeof journal?.position === 'number' ? journal.position : undefined;
  } catch {
    return undefined;
  }
}

async function writeFile(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  info: SnapshotInfo,
  baseChecksum: number | undefined,
): Promise<{ bytes: number; checksum: number }> {
  const file = await open(path, 'w', 0o644);
  try {
    const writer = new SnapshotWriter();
    let bytes = await writeAll(file, writer.begin(info, baseChecksum));
    for await (const chunk of chunks) {
      if (chunk.length === 0) continue;
      bytes += await writeAll(file, writer.chunk(chunk));
      bytes += await writeAll(file, chunk);
    }
    bytes += await writeAll(file, writer.end());
    await file.sync();
    return { bytes, checksum: writer.checksum };
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
