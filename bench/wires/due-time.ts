const eightBytes = new Uint8Array(8);
const oneDouble = new Float64Array(eightBytes.buffer);

/** When the update whose payload begins at `offset` was due, ms since the epoch. At any address, and makes no object. */
export function dueTimeAt(bytes: Uint8Array, offset: number): number {
  for (let index = 0; index < 8; index += 1) eightBytes[index] = bytes[offset + index] ?? 0;
  return oneDouble[0] ?? 0;
}
