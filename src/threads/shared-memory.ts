/*
 * Memory that threads share is address space, of which each page costs memory once it is written
 * to, and none once the buffer is gone. A plain SharedArrayBuffer is not: below 32 MiB, malloc
 * hands out pages that were in use before and clears them, which takes all of them. (A process that
 * took over the shards of a cluster four times held gigabytes.) A buffer that may grow is mapped by
 * itself. Views must then have a length of their own: those that follow the buffer's are 20 times
 * slower.
 */

/** Memory for threads to share, zeroed; views of it: {@link int32s} and the like. */
export function sharedMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes, { maxByteLength: bytes });
}

/** A view from a byte on; to the end, if no length is given. */
export function int32s(memory: SharedArrayBuffer, from = 0, length?: number) {
  return new Int32Array(memory, from, length ?? Math.floor((memory.byteLength - from) / 4));
}

/** As {@link int32s}. */
export function uint32s(memory: SharedArrayBuffer, from = 0, length?: number) {
  return new Uint32Array(memory, from, length ?? Math.floor((memory.byteLength - from) / 4));
}

/** As {@link int32s}. */
export function float64s(memory: SharedArrayBuffer, from = 0, length?: number) {
  return new Float64Array(memory, from, length ?? Math.floor((memory.byteLength - from) / 8));
}

/** As {@link int32s}. */
export function uint8s(memory: SharedArrayBuffer, from = 0, length?: number) {
  return new Uint8Array(memory, from, length ?? memory.byteLength - from);
}
