import { crc32 } from 'node:zlib';

/** Of all symbols, and of those that changed. */
const HEADER_BYTES = [24, 28] as const;
const CHUNK_HEADER_BYTES = 8;
const END_BYTES = 24;
const STATE_BYTES_MIN = 9;

/**
 * Corrects the checksums and lengths of what looks like a snapshot, so that its content is read.
 */
export function sealSnapshot(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input);
  if (bytes.length < HEADER_BYTES[1] + END_BYTES) return bytes;
  bytes.write('TWSNAP\r\n', 'latin1');
  const isFull = bytes.readUInt32LE(8) !== 2;
  bytes.writeUInt32LE(isFull ? 1 : 2, 8);
  const infoFrom = HEADER_BYTES[isFull ? 0 : 1];
  const infoBytes = Math.min(bytes.readUInt32LE(12), bytes.length - infoFrom - END_BYTES);
  bytes.writeUInt32LE(infoBytes, 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(infoFrom, infoFrom + infoBytes)), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, infoFrom - 4)), infoFrom - 4);
  sealChunks(bytes, infoFrom + infoBytes, bytes.length - END_BYTES);
  return bytes;
}

function sealChunks(bytes: Buffer, from: number, end: number): void {
  let at = from;
  let count = 0;
  let all = 0;
  let checksum = 0;
  while (at + CHUNK_HEADER_BYTES < end) {
    const room = end - at - CHUNK_HEADER_BYTES;
    const given = bytes.readUInt32LE(at);
    // What would not leave room for another chunk is made to fill the rest.
    const length = given === 0 || given + CHUNK_HEADER_BYTES >= room ? room : given;
    const chunk = bytes.subarray(at + CHUNK_HEADER_BYTES, at + CHUNK_HEADER_BYTES + length);
    sealStates(chunk);
    bytes.writeUInt32LE(length, at);
    bytes.writeUInt32LE(crc32(chunk), at + 4);
    count++;
    all += length;
    checksum = crc32(chunk, checksum);
    at += CHUNK_HEADER_BYTES + length;
  }
  bytes.fill(0, at, at + 4);
  bytes.writeUInt32LE(count, at + 4);
  bytes.writeBigUInt64LE(BigInt(all), at + 8);
  bytes.writeUInt32LE(checksum, at + 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 20)), at + 20);
}

/** The states of symbols in a chunk: lengths as far as they fit, and checksums. */
function sealStates(chunk: Buffer): void {
  for (let at = 0; at + STATE_BYTES_MIN <= chunk.length; ) {
    const given = chunk.readUInt32LE(at);
    const room = chunk.length - at;
    const length = given < STATE_BYTES_MIN || given > room ? room : given;
    chunk.writeUInt32LE(length, at);
    chunk.writeUInt32LE(crc32(chunk.subarray(at + 8, at + length)), at + 4);
    at += length;
  }
}
