import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** The file of a segment. */
export interface SegmentFile {
  readonly bytes: number;
  /** Reads up to `length` bytes at a place of the file; returns how many. */
  read(into: Uint8Array, at: number, length: number): number;
  /** Writes; returns how many bytes. */
  write(from: Uint8Array, at: number): number;
  truncate(bytes: number): void;
  /** Waits until what was written is on disk, and the file's length. */
  sync(): void;
  close(): void;
}

/** A segment as listed. */
export interface ListedSegment {
  readonly start: number;
  readonly name: string;
}

/** The files of a journal. Every method throws what the system says. */
export interface SegmentFiles {
  /** For messages. */
  pathOf(name: string): string;
  /** Ascending by start; without other files. */
  list(): ListedSegment[];
  open(name: string, mode: 'read' | 'write' | 'create'): SegmentFile;
  remove(name: string): void;
  /** Waits until new and removed names are on disk. */
  syncNames(): void;
  /** When it was last written, ms since the epoch. */
  writtenAt(name: string): number;
}

const DIGITS = 16;
const NAME = /^(\d{16})\.journal$/;

/** The name of a segment's file. */
export function segmentName(start: number): string {
  return `${String(start).padStart(DIGITS, '0')}.journal`;
}

/** Ascending. */
export function segmentsOf(names: readonly string[]): ListedSegment[] {
  const segments: ListedSegment[] = [];
  for (const name of names) {
    const digits = NAME.exec(name)?.[1];
    if (digits !== undefined) segments.push({ start: Number(digits), name });
  }
  return segments.sort((a, b) => a.start - b.start);
}

const FLAGS = { read: 'r', write: 'r+', create: 'w+' } as const;

/** Those in a directory. */
export function diskSegments(directory: string): SegmentFiles {
  return {
    pathOf: (name) => join(directory, name),
    list: () => segmentsOf(readNames(directory)),
    open: (name, mode) => new DiskFile(openSync(join(directory, name), FLAGS[mode], 0o600)),
    remove: (name) => rmSync(join(directory, name), { force: true }),
    syncNames: () => {
      const file = openSync(directory, 'r');
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
    writtenAt: (name) => statSync(join(directory, name)).mtimeMs,
  };
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

class DiskFile implements SegmentFile {
  readonly #file: number;

  constructor(file: number) {
    this.#file = file;
  }

  get bytes(): number {
    return fstatSync(this.#file).size;
  }

  read(into: Uint8Array, at: number, length: number): number {
    let done = 0;
    while (done < length) {
      const more = readSync(this.#file, into, done, length - done, at + done);
      if (more === 0) break;
      done += more;
    }
    return done;
  }

  write(from: Uint8Array, at: number): number {
    return writeSync(this.#file, from, 0, from.length, at);
  }

  truncate(bytes: number): void {
    ftruncateSync(this.#file, bytes);
  }

  sync(): void {
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}
