import { type SegmentFile, type SegmentFiles, segmentsOf } from '../../src/journal/index.ts';
import type { ListedSegment } from '../../src/journal/segment-files.ts';
import type { Random } from '../../testkit/random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** In the messages of all errors made here. */
export const PLANTED = 'planted by the simulation';

const SECTOR_BYTES = 512;

/** A file, as the kernel has it and as the disk does. */
interface StoredFile {
  /** What readers see. */
  cached: Uint8Array;
  /** What a loss of power surely leaves. */
  onDisk: Uint8Array;
  /** Bytes from the beginning that a sync has told to be on disk. */
  synced: number;
  /** Whether its name is. */
  isNamed: boolean;
  /** What was ever handed over for it, written or not. */
  meant: Uint8Array;
}

/** The process died in the middle of a call. */
class DiedError extends Error {}

/** What a crash leaves: the bytes handed to the kernel, or only what was synced and some more. */
type CrashKind = 'process' | 'power';

/**
 * The files of a journal. A write that fails may have taken a part; a sync that fails may have
 * dropped any sector, and the kernel no longer knows; a loss of power takes sectors that were not
 * synced, each by itself.
 */
export class SimulatedSegments implements SegmentFiles {
  /** Called in the middle of a call: other threads may run. */
  onCall: () => void = () => undefined;
  /** Writes until the process dies, and bytes of the last one that get through. */
  death: { writesLeft: number; readonly part: number } | undefined;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #now: () => number;
  #files = new Map<string, StoredFile>();
  /** Names whose removal is not on disk, oldest first. */
  #removed: [string, StoredFile][] = [];
  readonly #writtenAt = new Map<string, number>();

  constructor(random: Random, disk: SimulatedDisk, now: () => number) {
    this.#random = random;
    this.#disk = disk;
    this.#now = now;
  }

  /** Everything before it was synced, file after file without a hole. */
  get syncedEnd(): number {
    const segments = this.list();
    let end = segments[0]?.start ?? 0;
    for (const { start, name } of segments) {
      const file = this.#files.get(name) as StoredFile;
      if (start !== end || !file.isNamed) break;
      end = start + file.synced;
    }
    return end;
  }

  /** Everything before it is as it was handed over. */
  get intactEnd(): number {
    const segments = this.list();
    let end = segments[0]?.start ?? 0;
    for (const { start, name } of segments) {
      const { cached, meant } = this.#files.get(name) as StoredFile;
      if (start !== end) break;
      const differs = cached.findIndex((byte, at) => byte !== meant[at]);
      end = start + (differs < 0 ? cached.length : differs);
    }
    return end;
  }

  pathOf(name: string): string {
    return `journal/${name}`;
  }

  list(): ListedSegment[] {
    return segmentsOf([...this.#files.keys()]);
  }

  open(name: string, mode: 'read' | 'write' | 'create'): SegmentFile {
    if (mode !== 'read') this.#call('journalOpen');
    let file = this.#files.get(name);
    if (mode === 'create' && file === undefined) {
      file = { cached: none(), onDisk: none(), synced: 0, isNamed: false, meant: none() };
      this.#files.set(name, file);
    }
    if (file === undefined) throw systemError('ENOENT');
    if (mode === 'create') {
      file.cached = none();
      file.synced = 0;
    }
    return this.#handle(name, file);
  }

  remove(name: string): void {
    const file = this.#files.get(name);
    if (file === undefined) return;
    this.#files.delete(name);
    this.#removed.push([name, file]);
  }

  syncNames(): void {
    this.#call('journalSync');
    for (const file of this.#files.values()) file.isNamed = true;
    this.#removed = [];
  }

  writtenAt(name: string): number {
    return this.#writtenAt.get(name) ?? 0;
  }

  /** The process is gone, or the whole machine. */
  crash(kind: CrashKind): void {
    this.death = undefined;
    if (kind === 'process') return;
    // The last removals may not have reached the disk.
    const back = this.#random.below(this.#removed.length + 1);
    const returned = this.#removed.slice(this.#removed.length - back);
    this.#removed = [];
    this.#files = new Map([...returned, ...this.#files]);
    for (const [name, file] of this.#files) {
      if (!file.isNamed && this.#random.chance(0.5)) this.#files.delete(name);
      else this.#lose(file);
      file.isNamed = true;
    }
  }

  /** Settles what a loss of power leaves of a file. */
  #lose(file: StoredFile): void {
    const random = this.#random;
    const { cached, onDisk } = file;
    const shortest = Math.max(file.synced, Math.min(cached.length, onDisk.length));
    const longest = Math.max(cached.length, onDisk.length);
    const left = new Uint8Array(shortest + random.below(longest - shortest + 1));
    left.set(onDisk.subarray(0, left.length));
    const keeps = random.float();
    for (let at = 0; at < left.length; at += SECTOR_BYTES) {
      if (!random.chance(keeps)) continue;
      left.set(cached.subarray(at, Math.min(at + SECTOR_BYTES, left.length)), at);
    }
    file.cached = left;
    file.onDisk = left.slice();
  }

  #handle(name: string, file: StoredFile): SegmentFile {
    return {
      get bytes() {
        return file.cached.length;
      },
      read: (into, at, length) => {
        const found = file.cached.subarray(at, at + length);
        into.set(found);
        return found.length;
      },
      write: (from, at) => this.#write(name, file, from, at),
      truncate: (bytes) => {
        this.#call('journalWrite');
        file.cached = resized(file.cached, bytes);
        file.synced = Math.min(file.synced, bytes);
      },
      sync: () => this.#sync(file),
      close: () => undefined,
    };
  }

  #write(name: string, file: StoredFile, from: Uint8Array, at: number): number {
    file.meant = overlaid(file.meant, from, at);
    if (this.death !== undefined && this.death.writesLeft-- <= 0) {
      put(file, from.subarray(0, Math.floor(this.death.part * from.length)), at);
      throw new DiedError();
    }
    this.onCall();
    // A disk that is nearly full takes a part, then nothing.
    const isShort = this.#disk.fails('journalWrite');
    if (isShort && this.#random.chance(0.5)) throw systemError('ENOSPC');
    const taken = isShort ? this.#random.below(from.length + 1) : from.length;
    put(file, from.subarray(0, taken), at);
    this.#writtenAt.set(name, this.#now());
    return taken;
  }

  #sync(file: StoredFile): void {
    if (this.death !== undefined) throw new DiedError();
    const { length } = file.cached;
    this.onCall();
    if (this.#disk.fails('journalSync')) {
      // What the kernel could not write it may forget.
      const before = file.synced;
      this.#lose(file);
      file.synced = Math.min(before, file.cached.length);
      throw systemError('EIO');
    }
    file.onDisk = file.cached.slice();
    file.synced = length;
  }

  #call(operation: 'journalOpen' | 'journalWrite' | 'journalSync'): void {
    if (this.death !== undefined) throw new DiedError();
    this.onCall();
    if (this.#disk.fails(operation)) throw systemError('EIO');
  }
}

function none(): Uint8Array {
  return new Uint8Array(0);
}

function put(file: StoredFile, bytes: Uint8Array, at: number): void {
  file.cached = overlaid(file.cached, bytes, at);
  file.synced = Math.min(file.synced, at);
}

/** `bytes` with others from a place on. */
function overlaid(bytes: Uint8Array, over: Uint8Array, at: number): Uint8Array {
  const whole = at + over.length > bytes.length ? resized(bytes, at + over.length) : bytes;
  whole.set(over, at);
  return whole;
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const other = new Uint8Array(length);
  other.set(bytes.subarray(0, length));
  return other;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: ${PLANTED}`), { code });
}
