import { check, unknownName } from './value-checks.ts';

type Listener<T> = (event: T) => void;

/**
 * Typed events by name. A listener that throws disturbs neither the others nor the client: its
 * error surfaces as an uncaught one.
 */
export class Emitter<Events extends object> {
  readonly #listeners: ReadonlyMap<keyof Events, Set<Listener<never>>>;

  /** @param names all events */
  constructor(names: readonly (keyof Events & string)[]) {
    this.#listeners = new Map(names.map((name) => [name, new Set()]));
  }

  /** Whether someone listens to the event. */
  isHeard(name: keyof Events): boolean {
    return this.#listeners.get(name)?.size !== 0;
  }

  /**
   * @returns removes the listener
   * @throws TypeError for an unknown event, or a listener that is not a function
   */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      throw unknownName(`on(${String(name)})`, 'event', String(name), [
        ...this.#listeners.keys(),
      ] as string[]);
    }
    check('listener', listener, ['function']);
    // Wrapped, so that the same listener can be added twice and each removed on its own.
    const added: Listener<Events[Name]> = (event) => listener(event);
    listeners.add(added);
    return () => {
      listeners.delete(added);
    };
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) as Set<Listener<Events[Name]>> | undefined;
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Promises that wait for conditions. Changes to what the conditions depend on must be followed by
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

  /** Resolves the promises whose condition holds. */
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
