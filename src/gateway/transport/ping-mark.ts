/** A mark on the wire: the payload of a ping, which its pong repeats. */
const MARK_BYTES = 4;

const scratch = new Uint8Array(MARK_BYTES);

/** The payload of a ping with a mark from 1 to 2^32 - 1, valid until the next call. */
export function markPayload(mark: number): Uint8Array {
  scratch[0] = mark >>> 24;
  scratch[1] = mark >>> 16;
  scratch[2] = mark >>> 8;
  scratch[3] = mark;
  return scratch;
}

/** The mark in the payload of a pong; 0 if it has none. */
export function markOf(payload: Uint8Array): number {
  if (payload.length !== MARK_BYTES) return 0;
  const [a, b, c, d] = payload as unknown as [number, number, number, number];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
