/** A ping that follows data and is not answered yet. */
interface Mark {
  readonly number: number;
  /** Bytes sent before it, since the session began. */
  readonly position: number;
  /** Of these, bytes not known to be read when it was sent. */
  readonly inFlight: number;
  readonly sentAt: number;
}

/** No mark is due. */
export const NO_MARK = 0;

/** Bytes in flight at first: no more than a second's worth of a slow link. */
const WINDOW_START = 16_384;
/** A path of any speed may have this much in flight. */
const WINDOW_MIN = 1024;
/** Beyond, only the socket's buffer limits. */
const WINDOW_MAX = 8 * 1024 * 1024;
/**
 * Parts of the window: a message is at most one part, and has a mark of its own if it is more than
 * half of one. So the answers come spread out, and each lets the next message go.
 */
const PARTS = 4;
/** Smallest part of a message worth its overhead, bytes. */
const PART_MIN = 256;
/** Bytes that are not worth a mark while the window is not in full use. */
const MARK_BYTES_MIN = 4096;
/** Fraction of the window that must be free before more is sent. */
const FREE_FRACTION = 1 / 8;
/** Part of the target that the window is worth: the rest is for what varies. */
const AIM = 3 / 4;
/** The base is measured anew after so many late round trips in a row, */
const LATE_MAX = 3;
/** or if none came near it for this long, ms, or as many times the base: measuring costs two. */
const BASE_MS = 10_000;
const BASE_TIMES = 40;
const NEAR_BASE = 1.25;
/** Share by which a slower round trip with little in flight raises the base. */
const BASE_RISE = 1 / 8;
/** A peer that leaves its first ping unanswered for this long does not answer any, ms. */
const UNANSWERED_MS = 3000;
/** A peer that reads nothing for this long has stopped reading, ms. */
const STALLED_MS = 1000;
/** A window that was not used for this long shrinks to USED_TIMES what was in flight, ms. */
const USED_MS = 10_000;
const USED_TIMES = 4;

/**
 * How many bytes one session may have in flight, in whatever buffers between us and its reader:
 * what the reader takes in `targetMs`. More would only age there, while here newer statistics
 * replace older ones.
 *
 * Buffers of kernels and proxies cannot be seen, so it measures: a ping behind the data, a *mark*,
 * is answered by the peer's WebSocket layer once it has read that far. What was in flight before
 * the mark, divided by the time until its pong, is what the path carries.
 *
 * Pure: the caller sends, tells the time (ms, monotonic) and passes on pongs.
 */
export class Pacing {
  readonly #targetMs: number;
  #window = WINDOW_START;
  /** Round trip with next to nothing in flight, ms; undefined before the first pong. */
  #baseMs: number | undefined;
  /** When a round trip was last near the base. */
  #baseSeenAt = 0;
  #sent = 0;
  #read = 0;
  #marks: Mark[] = [];
  #lastNumber = 0;
  #markedAt = Number.NEGATIVE_INFINITY;
  #markedPosition = 0;
  /** Newest mark when data last had to wait: until its pong, the window was in full use. */
  #heldNumber = 0;
  /** Late round trips in a row, and the newest mark at the last one: those before do not count. */
  #lateRounds = 0;
  #lateNumber = 0;
  /** While the base is measured anew: what the path carries, bytes a ms. */
  #knownRate: number | undefined;
  /** Most bytes in flight since {@link #usedSince}. */
  #used = 0;
  #usedSince = Number.NEGATIVE_INFINITY;
  #isExempt = false;

  /** @param targetMs longest time that data may be in flight beyond the path's own delay, ms */
  constructor(targetMs: number) {
    this.#targetMs = targetMs;
  }

  /** Bytes sent and not known to be read. */
  get inFlight(): number {
    return this.#sent - this.#read;
  }

  /** Bytes that may be in flight. */
  get window(): number {
    return this.#window;
  }

  /** Largest message to send now: small enough for several marks in a window. */
  get messageBytesMax(): number {
    if (this.#isExempt) return Number.POSITIVE_INFINITY;
    const part = Math.min(this.#window / PARTS, this.#window - this.inFlight);
    return Math.max(PART_MIN, part);
  }

  /** Whether data may be sent; if not, a pong will tell when (see {@link isMarkNeeded}). */
  mayStart(now: number): boolean {
    if (this.#isExempt) return true;
    const free = this.#window - this.inFlight;
    if (free >= this.#window * FREE_FRACTION && !this.#isLate(now)) return true;
    if (this.#isIgnored(now)) this.#isExempt = true;
    else this.#heldNumber = this.#lastNumber;
    return this.#isExempt;
  }

  /** Counts bytes that were sent. Returns the number of the mark to send right behind them. */
  sent(bytes: number, now: number): number {
    this.#sent += bytes;
    return this.#isMarkDue(now) ? this.mark(now) : NO_MARK;
  }

  /** Whether data that may not be sent waits for a pong without a ping: send a {@link mark}. */
  get isMarkNeeded(): boolean {
    return !this.#isExempt && this.#marks.length === 0;
  }

  /** The number of a mark that is sent now. */
  mark(now: number): number {
    const { inFlight } = this;
    this.#lastNumber = (this.#lastNumber + 1) % 2 ** 32 || 1;
    const mark = { number: this.#lastNumber, position: this.#sent, inFlight, sentAt: now };
    this.#marks.push(mark);
    this.#markedAt = now;
    this.#markedPosition = this.#sent;
    this.#used = Math.max(this.#used, inFlight);
    return mark.number;
  }

  /**
   * Takes a pong, which answers all earlier marks as well. Returns its round trip, ms; undefined if
   * it answers none.
   */
  answered(number: number, now: number): number | undefined {
    const index = this.#marks.findIndex((mark) => mark.number === number);
    if (index < 0) return undefined;
    const mark = this.#marks[index] as Mark;
    this.#marks.splice(0, index + 1);
    this.#isExempt = false;
    // Two events may have the same time.
    const roundTripMs = Math.max(now - mark.sentAt, 0.01);
    this.#adjust(mark, roundTripMs, now);
    this.#read = mark.position;
    this.#forgetUnused(now);
    return roundTripMs;
  }

  /** Whether the peer has stopped reading: a mark is long overdue. */
  isStalled(now: number): boolean {
    const first = this.#marks[0];
    if (first === undefined || this.#isExempt) return false;
    return now - first.sentAt > Math.max(STALLED_MS, this.#allowedMs);
  }

  /** Longest round trip of a mark, ms. */
  get #allowedMs(): number {
    return (this.#baseMs ?? 0) + this.#targetMs;
  }

  /** A mark is overdue: the path has become slow, or the peer busy. */
  #isLate(now: number): boolean {
    const first = this.#marks[0];
    if (first === undefined || this.#baseMs === undefined) return false;
    return now - first.sentAt > this.#allowedMs;
  }

  /** Whether the peer does not answer pings at all. */
  #isIgnored(now: number): boolean {
    const first = this.#marks[0];
    if (first === undefined || this.#baseMs !== undefined) return false;
    return now - first.sentAt > UNANSWERED_MS;
  }

  #isMarkDue(now: number): boolean {
    if (this.#isExempt) return false;
    // The first one measures the path while it is empty.
    if (this.#lastNumber === 0) return true;
    const unmarked = this.#sent - this.#markedPosition;
    const part = this.#window / PARTS;
    if (unmarked >= part / 2 && this.inFlight >= part) return true;
    return unmarked >= MARK_BYTES_MIN && now - this.#markedAt >= this.#targetMs / 2;
  }

  #adjust(mark: Mark, roundTripMs: number, now: number): void {
    const baseMs = this.#baseMs ?? roundTripMs;
    const isAlone = mark.inFlight <= WINDOW_MIN + PART_MIN;
    if (isAlone || roundTripMs <= baseMs * NEAR_BASE) this.#baseSeenAt = now;
    if (isAlone && this.#knownRate !== undefined) {
      this.#baseMs = roundTripMs;
      // All at once, so no more than may queue. It grows to what is on its way meanwhile.
      this.#setWindow(this.#knownRate * this.#targetMs * AIM);
      this.#knownRate = undefined;
      return;
    }
    // With so little in flight, the round trip is the path's own and not that of our data.
    const rise = isAlone ? BASE_RISE : 0;
    this.#baseMs = Math.min(roundTripMs, baseMs + (roundTripMs - baseMs) * rise);
    const rate = mark.inFlight / roundTripMs;
    if (roundTripMs > this.#allowedMs) {
      if (isAlone) return;
      this.#setWindow(Math.min(this.#window, this.#worthOf(rate)));
      this.#late(mark, rate);
      return;
    }
    this.#lateRounds = 0;
    if (mark.number > this.#heldNumber) return;
    if (now - this.#baseSeenAt > Math.max(BASE_MS, baseMs * BASE_TIMES)) {
      this.#measureBase(rate);
      return;
    }
    // At most doubles in a round trip.
    const grown = this.#window + (mark.position - this.#read);
    this.#setWindow(Math.max(this.#window, Math.min(grown, this.#worthOf(rate))));
  }

  /** If a smaller window does not help, the path itself takes longer than it did. */
  #late(mark: Mark, rate: number): void {
    if (mark.number <= this.#lateNumber) return;
    this.#lateNumber = this.#lastNumber;
    if (++this.#lateRounds < LATE_MAX) return;
    this.#lateRounds = 0;
    this.#measureBase(rate);
  }

  /** Lets the path run empty, for the next mark to be alone on it. */
  #measureBase(rate: number): void {
    this.#knownRate ??= rate;
    this.#setWindow(WINDOW_MIN);
  }

  /** Bytes in flight that a path of so many bytes a ms is worth. */
  #worthOf(rate: number): number {
    return rate * ((this.#baseMs ?? 0) + this.#targetMs * AIM);
  }

  #setWindow(bytes: number): void {
    this.#window = Math.min(WINDOW_MAX, Math.max(WINDOW_MIN, bytes));
  }

  /** The path may have changed since a large window was last used. */
  #forgetUnused(now: number): void {
    if (now - this.#usedSince < USED_MS) return;
    const used = Math.max(WINDOW_START, this.#used * USED_TIMES);
    if (this.#usedSince > Number.NEGATIVE_INFINITY) this.#window = Math.min(this.#window, used);
    this.#used = 0;
    this.#usedSince = now;
  }
}
