/** No subscription: the end of a list, and the result of a search that finds nothing. */
export const NONE = -1;

/** The value of {@link LAST_ANOMALY} while anomalies are not wanted. */
export const NO_ANOMALIES = -1;

/*
 * One row a subscription, ROW_BYTES each:
 *
 *   byte   0        4         8        12        16       17         18      20
 *        +--------+---------+--------+---------+--------+----------+-------+--------------+
 *        | symbol | session | next   | version | fields | exact    | flags | last anomaly |
 *        |        |         | in the |         |        | interest |       |              |
 *        |        |         | bucket |         |        |          |       |              |
 *        +--------+---------+--------+---------+--------+----------+-------+--------------+
 *   byte   24         28          32         36
 *        +----------+-----------+----------+----------+
 *        | next     | next      | next     | position |
 *        | in stats | anomalies | of the   | in the   |
 *        | queue    | queue     | session  | symbol   |
 *        +----------+-----------+----------+----------+
 *
 * What the fan-out looks at stands side by side, as does what a search compares.
 */
const ROW_WORDS = 10;
const ROW_BYTES = ROW_WORDS * 4;

/* Columns of 32 bits. */
/** Symbol id; below 0: a symbol that does not exist yet (pending-symbols.ts). */
export const SYMBOL = 0;
/** Number of the session. */
export const SESSION = 1;
export const NEXT_IN_BUCKET = 2;
/** Version of the symbol that was sent last; NO_VERSION before the first entry. */
export const VERSION = 3;
/** Sequence of the anomaly that was sent last, modulo 2^32. */
export const LAST_ANOMALY = 5;
export const NEXT_STATS = 6;
export const NEXT_ANOMALIES = 7;
export const NEXT_OF_SESSION = 8;
/** Index among the subscriptions to the symbol. */
export const POSITION = 9;

/* Columns of a byte. */
/** Mask of the statistics wanted by all patterns that match; 0: none. */
export const FIELDS = 16;
/** Interest of the session's pattern that is this very symbol (interest.ts). */
export const EXACT_INTEREST = 17;
/** What the session was sent and has coming (session-subscriptions.ts). */
export const FLAGS = 18;

/** Rows are allocated this many at a time: rows that exist never move, however many there are. */
const SEGMENT_BITS = 14;
const SEGMENT_ROWS = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_ROWS - 1;

/** The subscriptions of all sessions by number, in columns. Numbers are reused. */
export class SubscriptionRows {
  /** Subscriptions in use. */
  size = 0;
  readonly #words: Int32Array[] = [];
  /** The same memory. */
  readonly #bytes: Uint8Array[] = [];
  #used = 0;
  /** Numbers to reuse: a list through NEXT_OF_SESSION. */
  #free = NONE;

  /** Most subscriptions in use so far: rows that take memory. */
  get peak(): number {
    return this.#used;
  }

  get(subscription: number, column: number): number {
    const words = this.#words[subscription >>> SEGMENT_BITS] as Int32Array;
    return words[(subscription & SEGMENT_MASK) * ROW_WORDS + column] as number;
  }

  set(subscription: number, column: number, value: number): void {
    const words = this.#words[subscription >>> SEGMENT_BITS] as Int32Array;
    words[(subscription & SEGMENT_MASK) * ROW_WORDS + column] = value;
  }

  getByte(subscription: number, column: number): number {
    const bytes = this.#bytes[subscription >>> SEGMENT_BITS] as Uint8Array;
    return bytes[(subscription & SEGMENT_MASK) * ROW_BYTES + column] as number;
  }

  setByte(subscription: number, column: number, value: number): void {
    const bytes = this.#bytes[subscription >>> SEGMENT_BITS] as Uint8Array;
    bytes[(subscription & SEGMENT_MASK) * ROW_BYTES + column] = value;
  }

  /** Takes a number. Its row holds what its former user left. */
  allocate(): number {
    this.size++;
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.get(free, NEXT_OF_SESSION);
      return free;
    }
    if (this.#used === this.#words.length * SEGMENT_ROWS) this.#addSegment();
    return this.#used++;
  }

  release(subscription: number): void {
    this.set(subscription, NEXT_OF_SESSION, this.#free);
    this.#free = subscription;
    this.size--;
  }

  #addSegment(): void {
    const buffer = new ArrayBuffer(SEGMENT_ROWS * ROW_BYTES);
    this.#words.push(new Int32Array(buffer));
    this.#bytes.push(new Uint8Array(buffer));
  }
}
