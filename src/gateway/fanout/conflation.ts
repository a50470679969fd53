/** Something that becomes due. */
export interface Due {
  /** On the clock of `performance.now`, ms. May be lowered while queued: then call `hasten`. */
  readonly dueAt: number;
  due(): void;
}

/**
 * Sessions with changes whose `conflateMs` has not passed yet: calls each when it is due, never early, with one timer for
 * all. A binary heap by time.
 */
export class ConflationQueue {
  /** Open sessions that are told of changes at once, and so never come here. */
  unconflated = 0;
  readonly #heap: Due[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** Queues `item`, which must not be queued already. */
  add(item: Due): void {
    this.#raise(item, this.#heap.push(item) - 1);
    this.#schedule();
  }

  /** Heeds that the `dueAt` of a queued item became earlier. O(n): for what happens seldom. */
  hasten(item: Due): void {
    const at = this.#heap.indexOf(item);
    if (at >= 0) this.#raise(item, at);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#heap.length = 0;
  }

  /** Moves the item that stands at `from` up to its place. */
  #raise(item: Due, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Due;
      if (above.dueAt <= item.dueAt) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  #schedule(): void {
    const first = this.#heap[0];
    if (first === undefined || first.dueAt >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = first.dueAt;
    // Rounded up; a timer may fire a little early all the same, and then simply waits again.
    const delayMs = Math.max(1, Math.ceil(first.dueAt - performance.now()));
    this.#timer = setTimeout(() => this.#run(), delayMs);
  }

  #run(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const due: Due[] = [];
    while (this.#heap.length > 0 && (this.#heap[0] as Due).dueAt <= now) due.push(this.#pop());
    for (const item of due) item.due();
    this.#schedule();
  }

  #pop(): Due {
    const heap = this.#heap;
    const first = heap[0] as Due;
    const last = heap.pop() as Due;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.dueAt < (heap[child] as Due).dueAt) child++;
      if ((heap[child] as Due).dueAt >= last.dueAt) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

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
