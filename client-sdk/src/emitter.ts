type Listener<T> = (event: T) => void;

/**
 * Events by name, each with a type of its own. A listener that throws disturbs neither the others nor
 * the client: its error surfaces as an uncaught one.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** @returns stops the listener */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A function of its own: the same listener may be added twice, and each is stopped apart.
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
