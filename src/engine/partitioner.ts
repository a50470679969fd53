const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The 32-bit hash of a symbol's UTF-8 bytes: FNV-1a, then the finalizer of MurmurHash3 (fmix32), since the low bits of
 * FNV-1a alone spread short, similar symbols badly. Stable: it decides partitions, here and wherever symbols are
 * divided among processes.
 *
 * @param basis another one makes another hash: a secret one, where symbols could be chosen that collide
 * @returns an unsigned 32-bit integer
 */
export function symbolHash(
  bytes: Uint8Array,
  start: number,
  end: number,
  basis = FNV_OFFSET,
): number {
  let hash = basis;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The partition that owns a symbol. */
export function partitionOf(hash: number, partitions: number): number {
  return hash % partitions;
}
