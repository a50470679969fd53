import { MIRRORED_VALUES } from '../engine/index.ts';

/*
 * Rows of a shard's symbols, from its owner to edges. Little-endian, not aligned.
 *
 *   0         8       16         24        32      36      40
 *   ├ epoch ──┼ n ────┼ ticks ───┼ symbols ┼ next ─┼ rows ─┤
 *     float64   float64 float64    float64   uint32  uint32
 *   row       bytes of name uint8 · name UTF-8 · 7 float64: those of `RowValue`, anomalies
 *   then      position float64 · removals uint32 · where the life of each row began float64 …
 *   removal   bytes of name uint8 · name · position, anomalies, alerts float64 · idle uint8
 *
 * A shard's messages are numbered `n` within an epoch, so that an edge notices when it misses one.
 * `ticks` and `symbols` are those of the whole shard with these rows, so that it can check what it
 * has; NaN where more rows follow. In an answer, `next` is the first row that the next question is
 * to begin with; 0: there are no more. `position` is that of the log's last message in all this;
 * versions that retire nothing neither write nor read what is behind the rows.
 */
const HEADER_BYTES = 40;
const ROW_BYTES = 8 * MIRRORED_VALUES;
const NAME_BYTES_MAX = 255;
const TAIL_BYTES = 12;
const SINCE_BYTES = 8;
const REMOVAL_BYTES = 25;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface RowsHeader {
  readonly epoch: number;
  readonly n: number;
  readonly ticks: number;
  readonly symbols: number;
  readonly next: number;
  /** NaN in a message of a version that retires nothing. */
  readonly position: number;
}

/** A symbol that was retired. */
export interface Removal {
  readonly symbol: string;
  /** Position at which it was; a life that began later goes on. */
  readonly at: number;
  /** Numbers of its newest anomaly and alert. */
  readonly anomalies: number;
  readonly alerts: number;
  /** For having no ticks; otherwise by an operator. */
  readonly isIdle: boolean;
}

/**
 * Takes a row: its name from `start` to `end` of the message; its values, valid during the call;
 * where its life began, NaN if the message does not say it.
 */
type RowHandler = (start: number, end: number, row: Float64Array, since: number) => void;

/** Collects the rows of one message. */
export class RowsWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = HEADER_BYTES;
  /** Where the life of each row began. */
  #since: number[] = [];
  #removals: Uint8Array[] = [];
  #removalBytes = 0;

  /** @param bytes of a message at most */
  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get isEmpty(): boolean {
    return this.#since.length + this.#removals.length === 0;
  }

  /** Whether any row or removal fits. */
  get hasRoom(): boolean {
    const tail = TAIL_BYTES + SINCE_BYTES * (this.#since.length + 1) + this.#removalBytes;
    return this.#length + 1 + NAME_BYTES_MAX + ROW_BYTES + tail <= this.#bytes.length;
  }

  add(name: string, row: Float64Array, since: number): void {
    const { written } = encoder.encodeInto(name, this.#bytes.subarray(this.#length + 1));
    this.#bytes[this.#length] = written;
    let at = this.#length + 1 + written;
    for (let i = 0; i < MIRRORED_VALUES; i++) {
      this.#view.setFloat64(at, row[i] as number, true);
      at += 8;
    }
    this.#length = at;
    this.#since.push(since);
  }

  remove({ alerts, anomalies, at, isIdle, symbol }: Removal): void {
    const name = encoder.encode(symbol);
    const removal = new Uint8Array(1 + name.length + REMOVAL_BYTES);
    removal[0] = name.length;
    removal.set(name, 1);
    const view = viewOf(removal);
    const values = 1 + name.length;
    view.setFloat64(values, at, true);
    view.setFloat64(values + 8, anomalies, true);
    view.setFloat64(values + 16, alerts, true);
    view.setUint8(values + 24, isIdle ? 1 : 0);
    this.#removals.push(removal);
    this.#removalBytes += removal.length;
  }

  /** Returns a copy of the message and starts over. */
  take({ epoch, n, ticks, symbols, next, position }: RowsHeader): Uint8Array {
    const view = this.#view;
    const rows = this.#since.length;
    view.setFloat64(0, epoch, true);
    view.setFloat64(8, n, true);
    view.setFloat64(16, ticks, true);
    view.setFloat64(24, symbols, true);
    view.setUint32(32, next, true);
    view.setUint32(36, rows, true);
    let at = this.#length;
    view.setFloat64(at, position, true);
    view.setUint32(at + 8, this.#removals.length, true);
    at += TAIL_BYTES;
    for (const since of this.#since) {
      view.setFloat64(at, since, true);
      at += SINCE_BYTES;
    }
    for (const removal of this.#removals) {
      this.#bytes.set(removal, at);
      at += removal.length;
    }
    const message = this.#bytes.slice(0, at);
    this.#length = HEADER_BYTES;
    this.#since = [];
    this.#removals = [];
    this.#removalBytes = 0;
    return message;
  }
}

/** @throws RangeError if the message is cut off */
export function readRowsHeader(message: Uint8Array): RowsHeader {
  const view = viewOf(message);
  const tail = tailOf(view);
  return {
    epoch: view.getFloat64(0, true),
    n: view.getFloat64(8, true),
    ticks: view.getFloat64(16, true),
    symbols: view.getFloat64(24, true),
    next: view.getUint32(32, true),
    position: hasTail(view, tail) ? view.getFloat64(tail, true) : Number.NaN,
  };
}

/**
 * Passes on the rows of a message.
 *
 * @throws RangeError if the message is cut off
 */
export function readRows(message: Uint8Array, take: RowHandler): void {
  const view = viewOf(message);
  const rows = view.getUint32(36, true);
  const tail = tailOf(view);
  const isSinceKnown = hasTail(view, tail);
  let at = HEADER_BYTES;
  for (let i = 0; i < rows; i++) {
    const start = at + 1;
    const end = start + view.getUint8(at);
    for (let j = 0; j < MIRRORED_VALUES; j++) row[j] = view.getFloat64(end + 8 * j, true);
    const since = isSinceKnown
      ? view.getFloat64(tail + TAIL_BYTES + SINCE_BYTES * i, true)
      : Number.NaN;
    take(start, end, row, since);
    at = end + ROW_BYTES;
  }
}

/**
 * The removals of a message.
 *
 * @throws RangeError if the message is cut off
 */
export function readRemovals(message: Uint8Array): Removal[] {
  const view = viewOf(message);
  const tail = tailOf(view);
  if (!hasTail(view, tail)) return [];
  let at = tail + TAIL_BYTES + SINCE_BYTES * view.getUint32(36, true);
  return Array.from({ length: view.getUint32(tail + 8, true) }, () => {
    const values = at + 1 + view.getUint8(at);
    const symbol = decoder.decode(message.subarray(at + 1, values));
    at = values + REMOVAL_BYTES;
    return {
      symbol,
      at: view.getFloat64(values, true),
      anomalies: view.getFloat64(values + 8, true),
      alerts: view.getFloat64(values + 16, true),
      isIdle: view.getUint8(values + 24) === 1,
    };
  });
}

/** Where the rows end. */
function tailOf(view: DataView): number {
  const rows = view.getUint32(36, true);
  let at = HEADER_BYTES;
  for (let i = 0; i < rows; i++) at += 1 + view.getUint8(at) + ROW_BYTES;
  return at;
}

function hasTail(view: DataView, tail: number): boolean {
  return tail < view.byteLength;
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
