import { ErrorCode } from '../../../src/protocol/index.ts';
import { ServerError } from '../connection/server-error.ts';

/** When a request that came too often is sent again where the server does not say, ms. */
const RETRY_MS = 1000;

/**
 * Sends requests again that the server refused because they came too often. How many wait for an answer at a time is
 * unlimited until then; it begins anew with one, and doubles with each round that is answered.
 */
export class RequestPacer {
  #openMax = Number.POSITIVE_INFINITY;
  #open = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: { readonly go: () => void; readonly reject: (error: Error) => void }[] = [];

  /**
   * Has a request answered.
   *
   * @param send sends it; called again, later, when it came too often
   * @throws Error (rejects) with what `send` rejected with otherwise, or with that of {@link fail}
   */
  async run<T>(send: () => Promise<T>): Promise<T> {
    for (;;) {
      while (this.#open >= this.#openMax || this.#timer !== undefined) await this.#turn();
      this.#open++;
      try {
        const answer = await send();
        this.#openMax++;
        return answer;
      } catch (error) {
        if (!(error instanceof ServerError) || error.code !== ErrorCode.rate_limited) throw error;
        this.#hold(error.retryAfterMs ?? RETRY_MS);
      } finally {
        this.#open--;
        this.#goOn();
      }
    }
  }

  /** Rejects what waits to be sent; the next session begins anew. */
  fail(error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#openMax = Number.POSITIVE_INFINITY;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ go: resolve, reject });
    });
  }

  #hold(delayMs: number): void {
    this.#openMax = 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#goOn();
    }, delayMs);
  }

  // Those that are told to go on look again: others may have come before.
  #goOn(): void {
    if (this.#timer !== undefined) return;
    const room = this.#openMax - this.#open;
    for (const { go } of this.#waiting.splice(0, Math.max(0, room))) go();
  }
}
