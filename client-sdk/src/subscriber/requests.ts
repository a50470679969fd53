import type { Frame } from '../../../src/protocol/index.ts';
import type { ServerError } from '../connection/server-error.ts';

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
