import { MIRRORED_VALUES } from '../engine/index.ts';

/*
 * Rows of a shard's symbols, from its owner to edges. Little-endian, not aligned.
 *
 *   0         8       16         24        32      36      40
 *   ├ epoch ──┼ n ────┼ ticks ───┼ symbols ┼ next ─┼ rows ─┤
 *     float64   float64 float64    float64   uint32  uint32
 *   row       bytes of name uint8 · name UTF-8 · 7 float64: those of `RowValue`, anomalies
 *
 * A shard's messages are numbered `n` within an epoch, so that an edge notices when it misses one.
 * `ticks` and `symbols` are those of the whole shard with these rows, so that it can check what it
 * has; NaN where more rows follow. In an answer, `next` is the first row that the next question is
 * to begin with; 0: there are no more.
 */
const HEADER_BYTES = 40;
const ROW_BYTES = 8 * MIRRORED_VALUES;
const NAME_BYTES_MAX = 255;

const encoder = new TextEncoder();

export interface RowsHeader {
  readonly epoch: number;
  readonly n: number;
  readonly ticks: number;
  readonly symbols: number;
  readonly next: number;
}

/** Collects the rows of one message. */
export class RowsWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = HEADER_BYTES;
  rows = 0;

  /** @param bytes of a message at most */
  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Whether any row fits. */
  get hasRoom(): boolean {
    return this.#length + 1 + NAME_BYTES_MAX + ROW_BYTES <= this.#bytes.length;
  }

  add(name: string, row: Float64Array): void {
    const { written } = encoder.encodeInto(name, this.#bytes.subarray(this.#length + 1));
    this.#bytes[this.#length] = written;
    let at = this.#length + 1 + written;
    for (let i = 0; i < MIRRORED_VALUES; i++) {
      this.#view.setFloat64(at, row[i] as number, true);
      at += 8;
    }
    this.#length = at;
    this.rows++;
  }

  /** Returns a copy of the message and starts over. */
  take({ epoch, n, ticks, symbols, next }: RowsHeader): Uint8Array {
    const view = this.#view;
    view.setFloat64(0, epoch, true);
    view.setFloat64(8, n, true);
    view.setFloat64(16, ticks, true);
    view.setFloat64(24, symbols, true);
    view.setUint32(32, next, true);
    view.setUint32(36, this.rows, true);
    const message = this.#bytes.slice(0, this.#length);
    this.#length = HEADER_BYTES;
    this.rows = 0;
    return message;
  }
}

/** @throws RangeError if the message is cut off */
export function readRowsHeader(message: Uint8Array): RowsHeader {
  const view = viewOf(message);
  return {
    epoch: view.getFloat64(0, true),
    n: view.getFloat64(8, true),
    ticks: view.getFloat64(16, true),
    symbols: view.getFloat64(24, true),
    next: view.getUint32(32, true),
  };
}

/**
 * Passes on the rows of a message: the name from `start` to `end` of the message, and the values,
 * which are valid during the call.
 *
 * @throws RangeError if the message is cut off
 */
export function readRows(
  message: Uint8Array,
  take: (start: number, end: number, row: Float64Array) => void,
): void {
  const view = viewOf(message);
  const rows = view.getUint32(36, true);
  let at = HEADER_BYTES;
  for (let i = 0; i < rows; i++) {
    const start = at + 1;
    const end = start + view.getUint8(at);
    for (let j = 0; j < MIRRORED_VALUES; j++) row[j] = view.getFloat64(end + 8 * j, true);
    take(start, end, row);
    at = end + ROW_BYTES;
  }
}

const row = new Float64Array(MIRRORED_VALUES);

/** A question for rows: of an epoch, 0 for any, and from which on. */
export interface RowsQuestion {
  readonly epoch: number;
  readonly from: number;
}

export function writeQuestion({ epoch, from }: RowsQuestion): Uint8Array {
  return new Uint8Array(Float64Array.of(epoch, from).buffer);
}

/** @throws RangeError if it is cut off */
export function readQuestion(message: Uint8Array): RowsQuestion {
  const view = viewOf(message);
  return { epoch: view.getFloat64(0, true), from: view.getFloat64(8, true) };
}

function viewOf(message: Uint8Array): DataView {
  return new DataView(message.buffer, message.byteOffset, message.byteLength);
}
