/** An item with a due time. */
export interface Due {
  /** On the clock of `performance.now`, ms. Call `hasten` after lowering it while queued. */
  readonly dueAt: number;
  due(): void;
}

/**
 * Sessions with changes whose `conflateMs` has not passed yet. Calls each when it is due, never
 * early, with one timer for all. A binary heap by due time.
 */
export class ConflationQueue {
  /** Open sessions with `conflateMs` 0: they are never queued. */
  unconflated = 0;
  readonly #heap: Due[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** Queues `item`, which must not be queued already. */
  add(item: Due): void {
    this.#raise(item, this.#heap.push(item) - 1);
    this.#schedule();
  }

  /** Moves a queued item whose `dueAt` was lowered. O(n): for rare events. */
  hasten(item: Due): void {
    const at = this.#heap.indexOf(item);
    if (at >= 0) this.#raise(item, at);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#heap.length = 0;
  }

  /** Moves the item at `from` up to its place. */
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
    // Rounded up. A timer that still fires early waits again.
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

/**
 * Due times fall on a grid of `conflateMs / GRID_PARTS`, at most GRID_MS_MAX: many sessions share a
 * timer.
 */
const GRID_PARTS = 16;
const GRID_MS_MAX = 8;

/**
 * Enforces the `conflateMs` of one session. All times are on the clock of `performance.now`, ms.
 */
export class ConflationTimer implements Due {
  dueAt = 0;
  readonly #queue: ConflationQueue;
  readonly #onDue: () => void;
  #conflateMs: number;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #isQueued = false;

  /** @param onDue called once `conflateMs` has passed after {@link mayFlush} returned false */
  constructor(queue: ConflationQueue, conflateMs: number, onDue: () => void) {
    this.#queue = queue;
    this.#conflateMs = conflateMs;
    this.#onDue = onDue;
    if (conflateMs === 0) queue.unconflated++;
  }

  /** Minimum time between two STATS flushes, ms. */
  get conflateMs(): number {
    return this.#conflateMs;
  }

  set conflateMs(ms: number) {
    this.#queue.unconflated += Number(ms === 0) - Number(this.#conflateMs === 0);
    this.#conflateMs = ms;
    if (!this.isWaiting || this.#nextDueAt() >= this.dueAt) return;
    // The time became shorter while queued: due earlier, even if nothing is pending now.
    this.dueAt = this.#nextDueAt();
    this.#queue.hasten(this);
  }

  /** Whether `onDue` will be called: until then the session need not be flushed. */
  get isWaiting(): boolean {
    return this.#isQueued && this.#conflateMs > 0;
  }

  /** Whether the session may be flushed now; if not, `onDue` is called when it may. */
  mayFlush(): boolean {
    if (this.#conflateMs === 0) return true;
    if (performance.now() - this.#flushedAt >= this.#conflateMs) return true;
    if (!this.#isQueued) {
      this.#isQueued = true;
      this.dueAt = this.#nextDueAt();
      this.#queue.add(this);
    }
    return false;
  }

  /** The session was flushed completely. */
  flushed(): void {
    if (this.#conflateMs > 0) this.#flushedAt = performance.now();
  }

  due(): void {
    this.#isQueued = false;
    this.#onDue();
  }

  /** The session has closed. */
  end(): void {
    if (this.#conflateMs === 0) this.#queue.unconflated--;
  }

  /** The first point on the grid at which `conflateMs` has passed. */
  #nextDueAt(): number {
    const grid = Math.min(GRID_MS_MAX, 2 ** Math.floor(Math.log2(this.#conflateMs / GRID_PARTS)));
    return Math.ceil((this.#flushedAt + this.#conflateMs) / grid) * grid;
  }
}
