/** Numbers by which a column grows at a time. */
const STEP = 64 * 1024;

/*
 * Columns of zeros that grow in place: address space is reserved at the start, and memory is
 * committed as it is needed. That takes microseconds and copies nothing. The array from before is
 * the same memory, only shorter.
 *
 * No other thread has this memory. It is in a SharedArrayBuffer because such a buffer never
 * shrinks, which makes an array on it as fast as any; on a resizable ArrayBuffer reading takes
 * several times as long.
 */
export type Int32Column = Int32Array<SharedArrayBuffer>;
export type Float64Column = Float64Array<SharedArrayBuffer>;
export type Uint16Column = Uint16Array<SharedArrayBuffer>;
export type Uint8Column = Uint8Array<SharedArrayBuffer>;

/**
 * Creates a column, or extends an old one.
 *
 * @param reserved numbers to reserve address space for; growing beyond them copies
 */
export function int32Column(reserved: number, old?: Int32Column): Int32Column {
  const length = (old?.length ?? 0) + STEP;
  return new Int32Array(grown(old?.buffer, length * 4, reserved * 4), 0, length);
}

export function float64Column(reserved: number, old?: Float64Column): Float64Column {
  const length = (old?.length ?? 0) + STEP;
  return new Float64Array(grown(old?.buffer, length * 8, reserved * 8), 0, length);
}

export function uint16Column(reserved: number, old?: Uint16Column): Uint16Column {
  const length = (old?.length ?? 0) + STEP;
  return new Uint16Array(grown(old?.buffer, length * 2, reserved * 2), 0, length);
}

export function uint8Column(reserved: number, old?: Uint8Column): Uint8Column {
  const length = (old?.length ?? 0) + STEP;
  return new Uint8Array(grown(old?.buffer, length, reserved), 0, length);
}

function grown(
  old: SharedArrayBuffer | undefined,
  bytes: number,
  reservedBytes: number,
): SharedArrayBuffer {
  if (old !== undefined && bytes <= old.maxByteLength) {
    old.grow(bytes);
    return old;
  }
  const maxByteLength = Math.max(reservedBytes, bytes * 2);
  const buffer = new SharedArrayBuffer(bytes, { maxByteLength });
  if (old !== undefined) new Uint8Array(buffer).set(new Uint8Array(old));
  return buffer;
}
