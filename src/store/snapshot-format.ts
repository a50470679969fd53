/*
 * A snapshot file. Numbers are little-endian; a checksum is a CRC-32.
 *
 *   header   0       8         12           16              20
 *            magic   version   info bytes   info checksum   checksum of the header up to here
 *   header of changes                       20              24
 *                                           of the base     checksum of the header up to here
 *   info     JSON
 *   chunk    bytes u32 (not 0) · checksum of its bytes · its bytes
 *   end      0 u32 · chunks u32 · bytes of all u64 · checksum of all bytes · checksum of this end
 *
 * Version 1 holds all symbols, version 2 those that changed since the base, a file of version 1
 * that it names by its checksum of all bytes.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const MAGIC = 'TWSNAP\r\n';
const VERSION = 1;
const VERSION_OF_CHANGES = 2;
const HEADER_BYTES = 24;
const CHANGES_HEADER_BYTES = 28;
const CHUNK_HEADER_BYTES = 8;
const END_BYTES = 24;
const CHUNK_BYTES_MAX = 2 ** 32 - 1;

/** Any JSON value. */
export type SnapshotInfo =
  | string
  | number
  | boolean
  | null
  | readonly SnapshotInfo[]
  | { readonly [key: string]: SnapshotInfo };

/** What a snapshot holds: all symbols, or those that changed since the last full one. */
export type SnapshotExtent = 'full' | 'changes';

export type SnapshotResult =
  | {
      readonly isSaved: true;
      readonly number: number;
      readonly isFull: boolean;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | { readonly isSaved: false; readonly reason: string };

/** An intact snapshot. */
export interface StoredSnapshot {
  readonly number: number;
  /** Of its file. */
  readonly path: string;
  readonly info: SnapshotInfo;
  /** Its chunks as given to the writer, each read from the file on demand into its own buffer. */
  chunks(): Generator<Uint8Array>;
  /** The full snapshot that holds what did not change; undefined if this one is full. */
  readonly base: StoredSnapshot | undefined;
}

/** An intact file. */
export interface SnapshotFile extends Omit<StoredSnapshot, 'base'> {
  /** Of all its chunks. */
  readonly checksum: number;
  /** The checksum of its base; undefined if it is full. */
  readonly baseChecksum: number | undefined;
}

/** A snapshot cannot be used. The message says why. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** A newer server wrote the snapshot. */
export class SnapshotVersionError extends SnapshotError {
  constructor(version: number) {
    super(`it is of version ${version}; this program reads versions up to ${VERSION_OF_CHANGES}`);
  }
}

/** Encodes the parts of a file, in order. */
export class SnapshotWriter {
  #chunkCount = 0;
  #bytes = 0;
  #checksum = 0;

  /** @param baseChecksum undefined: the snapshot is full */
  begin(info: SnapshotInfo, baseChecksum?: number): Buffer {
    const isFull = baseChecksum === undefined;
    const text = Buffer.from(JSON.stringify(info));
    const header = Buffer.alloc(isFull ? HEADER_BYTES : CHANGES_HEADER_BYTES);
    header.write(MAGIC, 'latin1');
    header.writeUInt32LE(isFull ? VERSION : VERSION_OF_CHANGES, 8);
    header.writeUInt32LE(text.length, 12);
    header.writeUInt32LE(crc32(text), 16);
    if (!isFull) header.writeUInt32LE(baseChecksum, 20);
    const checked = header.length - 4;
    header.writeUInt32LE(crc32(header.subarray(0, checked)), checked);
    return Buffer.concat([header, text]);
  }

  /** Of all chunks so far. */
  get checksum(): number {
    return this.#checksum;
  }

  /** The header of a chunk. */
  chunk(chunk: Uint8Array): Buffer {
    if (chunk.length > CHUNK_BYTES_MAX) {
      throw new RangeError(`a chunk of ${chunk.length} bytes is above ${CHUNK_BYTES_MAX}`);
    }
    const header = Buffer.alloc(CHUNK_HEADER_BYTES);
    header.writeUInt32LE(chunk.length, 0);
    header.writeUInt32LE(crc32(chunk), 4);
    this.#chunkCount++;
    this.#bytes += chunk.length;
    this.#checksum = crc32(chunk, this.#checksum);
    return header;
  }

  end(): Buffer {
    const end = Buffer.alloc(END_BYTES);
    end.writeUInt32LE(this.#chunkCount, 4);
    end.writeBigUInt64LE(BigInt(this.#bytes), 8);
    end.writeUInt32LE(this.#checksum, 16);
    end.writeUInt32LE(crc32(end.subarray(0, 20)), 20);
    return end;
  }
}

/**
 * Opens a file. Reads all of it to verify it.
 *
 * @throws SnapshotError if it is damaged or of another version
 */
export function openSnapshot(path: string, number: number): SnapshotFile {
  const { bodyAt, ...file } = withFile(path, (handle, fileBytes) => {
    const header = readHeader(handle, fileBytes);
    let checksum = 0;
    for (const chunk of readChunks(handle, fileBytes, header.bodyAt)) {
      checksum = crc32(chunk, checksum);
    }
    return { ...header, checksum };
  });
  return {
    number,
    path,
    ...file,
    *chunks() {
      const handle = openSync(path, 'r');
      try {
        yield* readChunks(handle, fstatSync(handle).size, bodyAt);
      } finally {
        closeSync(handle);
      }
    },
  };
}

/**
 * Reads the info of a file; not its chunks.
 *
 * @throws SnapshotError if the header is damaged or of another version
 */
export function readSnapshotInfo(path: string): SnapshotInfo {
  return withFile(path, (handle, fileBytes) => readHeader(handle, fileBytes).info);
}

function withFile<T>(path: string, read: (file: number, fileBytes: number) => T): T {
  const file = openSync(path, 'r');
  try {
    return read(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function readHeader(
  file: number,
  fileBytes: number,
): { info: SnapshotInfo; baseChecksum: number | undefined; bodyAt: number } {
  const start = readBytes(file, fileBytes, 0, HEADER_BYTES);
  if (start.toString('latin1', 0, 8) !== MAGIC) throw new SnapshotError('it is not a snapshot');
  const version = start.readUInt32LE(8);
  const isFull = version !== VERSION_OF_CHANGES;
  const header = isFull ? start : readBytes(file, fileBytes, 0, CHANGES_HEADER_BYTES);
  const checked = header.length - 4;
  if (crc32(header.subarray(0, checked)) !== header.readUInt32LE(checked)) {
    throw new SnapshotError('its header is damaged');
  }
  if (version !== VERSION && version !== VERSION_OF_CHANGES)
    throw new SnapshotVersionError(version);
  const text = readBytes(file, fileBytes, header.length, header.readUInt32LE(12));
  if (crc32(text) !== header.readUInt32LE(16)) throw new SnapshotError('its info is damaged');
  const baseChecksum = isFull ? undefined : header.readUInt32LE(20);
  return { info: parseInfo(text), baseChecksum, bodyAt: header.length + text.length };
}

function parseInfo(text: Buffer): SnapshotInfo {
  try {
    return JSON.parse(text.toString('utf8')) as SnapshotInfo;
  } catch {
    throw new SnapshotError('its info is not JSON');
  }
}

function* readChunks(file: number, fileBytes: number, bodyAt: number): Generator<Uint8Array> {
  let at = bodyAt;
  let count = 0;
  let bytes = 0;
  let checksum = 0;
  for (;;) {
    const header = readBytes(file, fileBytes, at, CHUNK_HEADER_BYTES);
    const chunkBytes = header.readUInt32LE(0);
    if (chunkBytes === 0) break;
    const chunk = readBytes(file, fileBytes, at + CHUNK_HEADER_BYTES, chunkBytes);
    if (crc32(chunk) !== header.readUInt32LE(4)) {
      throw new SnapshotError(`chunk ${count} at byte ${at} is damaged`);
    }
    count++;
    bytes += chunkBytes;
    checksum = crc32(chunk, checksum);
    at += CHUNK_HEADER_BYTES + chunkBytes;
    yield chunk;
  }
  const end = readBytes(file, fileBytes, at, END_BYTES);
  const isWhole =
    crc32(end.subarray(0, 20)) === end.readUInt32LE(20) &&
    end.readUInt32LE(4) === count &&
    end.readBigUInt64LE(8) === BigInt(bytes) &&
    end.readUInt32LE(16) === checksum &&
    fileBytes === at + END_BYTES;
  if (!isWhole) throw new SnapshotError(`its end at byte ${at} is damaged`);
}

function readBytes(file: number, fileBytes: number, at: number, count: number): Buffer {
  // Checked first: a damaged length would allocate gigabytes.
  if (at + count > fileBytes) throw new SnapshotError(`it ends at byte ${fileBytes}, too early`);
  const bytes = Buffer.allocUnsafeSlow(count);
  for (let got = 0; got < count; ) {
    const more = readSync(file, bytes, got, count - got, at + got);
    if (more === 0) throw new SnapshotError(`it ends at byte ${at + got}, too early`);
    got += more;
  }
  return bytes;
}
