/** Something that will happen. */
export interface ScheduledEvent {
  /** On the virtual clock, ms. */
  time: number;
  /** Which of two with the same time comes first. */
  order: number;
  /** Whose work it is: see `Scheduler`. */
  thread: number;
  /** The run of the server that it belongs to; 0: to none. */
  process: number;
  label: string;
  /** What runs; undefined once it ran or was cancelled. */
  run: (() => void) | undefined;
}

/** Events by time: a binary heap. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): ScheduledEvent | undefined {
    return this.#heap[0];
  }

  push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  pop(): ScheduledEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as ScheduledEvent)) child++;
      const below = heap[child] as ScheduledEvent;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
