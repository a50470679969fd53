import { ErrorCode, type Frame } from '../../../src/protocol/index.ts';
import { ServerError } from '../connection/connection.ts';

interface Pending {
  readonly answer: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** Requests that wait for an answer, by request id. */
export class Requests {
  readonly #pending = new Map<number | null, Pending>();
  #nextId = 1;

  /**
   * Opens a request: `send` gets its id. `read` converts the answer synchronously, before any later
   * frame is processed.
   */
  open<T>(send: (requestId: number) => void, read: (answer: Frame) => T): Promise<T> {
    const requestId = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const answer = (frame: Frame) => {
        try {
          resolve(read(frame));
        } catch (cause) {
          const error = new Error('an answer does not have the shape of its op', { cause });
          reject(error);
          throw error;
        }
      };
      this.#pending.set(requestId, { answer, reject });
      send(requestId);
    });
  }

  /**
   * Passes a frame to the request that its second element names; ignores it if there is none.
   *
   * @throws Error for an answer that cannot be read; the request is rejected as well
   */
  answer(frame: Frame): void {
    this.#take(frame[1] as number)?.answer(frame);
  }

  /** Rejects the request that the error answers; false if it answers none. */
  refuse(error: ServerError): boolean {
    const pending = this.#take(error.requestId);
    pending?.reject(error);
    return pending !== undefined;
  }

  /** Rejects all open requests. */
  fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** There is none without an id. */
  #take(requestId: number | null): Pending | undefined {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    return pending;
  }
}

/** Wait after a rate limit refusal if the server does not say, ms. */
const RETRY_MS = 1000;

/**
 * Repeats requests that the server refused because of a rate limit. The number of open requests is
 * unlimited until then; after a refusal it restarts at one and doubles with each answered round.
 */
export class RequestPacer {
  #openMax = Number.POSITIVE_INFINITY;
  #open = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: { readonly go: () => void; readonly reject: (error: Error) => void }[] = [];

  /**
   * Runs a request until it is answered.
   *
   * @param send sends it; called again after a rate limit refusal
   * @throws Error (rejects) with any other error of `send`, or that of {@link fail}
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

  /** Rejects what waits to be sent; the next session starts without a limit. */
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

  // Woken requests check again: others may have come first.
  #goOn(): void {
    if (this.#timer !== undefined) return;
    const room = this.#openMax - this.#open;
    for (const { go } of this.#waiting.splice(0, Math.max(0, room))) go();
  }
}
