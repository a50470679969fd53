import { ErrorCode, type Frame } from '../../../src/protocol/index.ts';
import { ServerError } from '../connection/connection.ts';

interface Pending {
  readonly answer: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** Requests that wait for their answer, by request id. */
export class Requests {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  /**
   * Opens a request: `send` gets its id. `read` makes the result of the answering frame while that
   * frame is at its place in the stream: no later frame has been looked at.
   */
  open<T>(send: (requestId: number) => void, read: (answer: Frame) => T): Promise<T> {
    const requestId = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const answer = (frame: Frame) => {
        try {
          resolve(read(frame));
        } catch (cause) {
          const error = new Error('an answer has not the shape of its op', { cause });
          reject(error);
          throw error;
        }
      };
      this.#pending.set(requestId, { answer, reject });
      send(requestId);
    });
  }

  /**
   * Gives a frame to the request that its second element names; one that nobody waits for is
   * ignored.
   *
   * @throws Error for an answer that cannot be read; the request is rejected as well
   */
  answer(frame: Frame): void {
    this.#take(frame[1] as number)?.answer(frame);
  }

  /** Rejects the request that the error answers; false when it answers none. */
  refuse(error: ServerError): boolean {
    const pending = error.requestId === null ? undefined : this.#take(error.requestId);
    pending?.reject(error);
    return pending !== undefined;
  }

  /** Rejects everything that still waits. */
  fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #take(requestId: number): Pending | undefined {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    return pending;
  }
}

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
