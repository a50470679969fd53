interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Promises that wait for conditions; whoever changes what they depend on calls
 * {@link Waiters.wake}.
 */
export class Waiters {
  #waiting: Waiter[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  wait(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ isDone, resolve, reject }));
  }

  /** Resolves those whose condition holds. */
  wake(): void {
    if (this.isEmpty) return;
    const [done, waiting] = [[] as Waiter[], [] as Waiter[]];
    for (const waiter of this.#waiting) (waiter.isDone() ? done : waiting).push(waiter);
    this.#waiting = waiting;
    for (const { resolve } of done) resolve();
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting = [];
  }
}
