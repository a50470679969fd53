import { Broken } from './expect.ts';

/** Waits for conditions that are looked at whenever something came. */
export class Waits {
  readonly #patienceMs: number;
  readonly #looks = new Set<() => void>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Something came. */
  look(): void {
    for (const look of this.#looks) look();
  }

  /**
   * Resolves once the condition holds.
   *
   * @param what names what is expected
   * @param got says what is there instead
   * @param fault an error that ends the wait, if there is one
   * @throws Broken if it takes too long
   */
  async until(
    isDone: () => boolean,
    what: string,
    got: () => string,
    fault: () => Error | undefined = () => undefined,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let look = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => {
          if (isDone()) return resolve();
          const error = fault();
          if (error !== undefined) reject(error);
        };
        timer = setTimeout(() => reject(new Broken(what, got())), this.#patienceMs);
        this.#looks.add(look);
        look();
      });
    } finally {
      clearTimeout(timer);
      this.#looks.delete(look);
    }
  }
}
