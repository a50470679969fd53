import type { Store } from './store.ts';

const INTERVAL_MS = 60_000;

/** Has the store remove now and then what is too old or too much. */
export class Retention {
  readonly #store: Store;
  readonly #log: { warn(fields: object, message: string): void };
  readonly #timer: NodeJS.Timeout;
  #isPruning = false;

  constructor(store: Store, log: { warn(fields: object, message: string): void }) {
    this.#store = store;
    this.#log = log;
    this.#timer = setInterval(() => void this.#prune(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #prune(): Promise<void> {
    if (this.#isPruning) return;
    this.#isPruning = true;
    try {
      await this.#store.prune(Date.now());
    } catch (error) {
      this.#log.warn({ err: error }, 'old anomalies could not be removed; trying again later');
    } finally {
      this.#isPruning = false;
    }
  }
}
