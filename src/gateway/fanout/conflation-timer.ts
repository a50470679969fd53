import type { ConflationQueue, Due } from './conflation-queue.ts';

/** Sessions are due at moments this much of their `conflateMs` apart, at most so many ms: many with one timer. */
const GRID_PARTS = 16;
const GRID_MS_MAX = 8;

/** How often a session is told: keeps to its `conflateMs`. All times are on the clock of `performance.now`, ms. */
export class ConflationTimer implements Due {
  dueAt = 0;
  readonly #queue: ConflationQueue;
  readonly #onDue: () => void;
  #conflateMs: number;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isQueued = false;

  /** @param onDue called when `conflateMs` has passed, after {@link isUp} said that it had not */
  constructor(queue: ConflationQueue, conflateMs: number, onDue: () => void) {
    this.#queue = queue;
    this.#conflateMs = conflateMs;
    this.#onDue = onDue;
    if (conflateMs === 0) queue.unconflated++;
  }

  /** Least time between two STATS flushes, ms. */
  get conflateMs(): number {
    return this.#conflateMs;
  }

  set conflateMs(ms: number) {
    this.#queue.unconflated += Number(ms === 0) - Number(this.#conflateMs === 0);
    this.#conflateMs = ms;
    if (!this.isWaiting || this.#nextDueAt() >= this.dueAt) return;
    // Shorter than when it was queued: it is due earlier, also where nothing waits at the moment.
    this.dueAt = this.#nextDueAt();
    this.#queue.hasten(this);
  }

  /** Whether the session will be called once its `conflateMs` has passed: it need not be looked at before. */
  get isWaiting(): boolean {
    return this.#isQueued && this.#conflateMs > 0;
  }

  /** Whether the session may be told now; if not, it is called when it may. */
  isUp(): boolean {
    if (this.#conflateMs === 0) return true;
    if (performance.now() - this.#toldAt >= this.#conflateMs) return true;
    if (!this.#isQueued) {
      this.#isQueued = true;
      this.dueAt = this.#nextDueAt();
      this.#queue.add(this);
    }
    return false;
  }

  /** The session was told all there was. */
  told(): void {
    if (this.#conflateMs > 0) this.#toldAt = performance.now();
  }

  due(): void {
    this.#isQueued = false;
    this.#onDue();
  }

  /** The session is gone. */
  end(): void {
    if (this.#conflateMs === 0) this.#queue.unconflated--;
  }

  /** When `conflateMs` will have passed, at a moment that other sessions are due at too. */
  #nextDueAt(): number {
    const grid = Math.min(GRID_MS_MAX, 2 ** Math.floor(Math.log2(this.#conflateMs / GRID_PARTS)));
    return Math.ceil((this.#toldAt + this.#conflateMs) / grid) * grid;
  }
}
