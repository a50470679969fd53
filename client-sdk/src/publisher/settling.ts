import { Waiters } from '../events.ts';
import type { Intake } from './intake.ts';
import type { PublishSession } from './publish-session.ts';
import type { TickStream } from './tick-stream.ts';

const DONE = /* @__PURE__ */ Promise.resolve();

/** What callers of a publisher can wait for: room, acknowledgements, the end. */
export class Settling {
  readonly #session: PublishSession;
  readonly #stream: TickStream;
  readonly #intake: Intake;
  readonly #waiters = new Waiters();
  /** Shared by all who wait for room. */
  #room: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(session: PublishSession, stream: TickStream, intake: Intake) {
    this.#session = session;
    this.#stream = stream;
    this.#intake = intake;
  }

  /** Why no more ticks are taken; undefined while they are. */
  get ending(): Error | undefined {
    const { failure, state } = this.#session;
    if (failure !== undefined) return failure;
    return this.#closing !== undefined || state === 'closed' ? closedError() : undefined;
  }

  /** Whether a caller waits for something that the end rejects. */
  get isAwaited(): boolean {
    return !this.#waiters.isEmpty;
  }

  /** Resolves when there is room; rejects when no more ticks are taken. */
  get ready(): Promise<void> {
    const { ending } = this;
    if (ending !== undefined) return ignorable(Promise.reject(ending));
    if (this.#intake.hasRoom) return DONE;
    this.#room ??= ignorable(this.#waiters.wait(() => this.#intake.hasRoom));
    return this.#room;
  }

  /** Resolves when everything published so far is acknowledged. */
  flush(): Promise<void> {
    const target = this.#intake.flush();
    const isDone = () => this.#stream.acknowledged >= target;
    if (isDone()) return DONE;
    const { failure, state } = this.#session;
    if (state === 'closed') return Promise.reject(failure ?? closedError());
    return this.#waiters.wait(isDone);
  }

  /**
   * Resolves when everything is acknowledged and the session closed. The first call's timeout
   * counts.
   */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  /** Ticks were acknowledged, or the session ended: settles what was waiting for that. */
  progress(): void {
    const { failure, state } = this.#session;
    if (state === 'closed') {
      const reason = failure ?? closedError();
      this.#intake.end(reason);
      this.#waiters.wake();
      this.#waiters.fail(reason);
    } else {
      this.#intake.takeWaiting();
      if (this.#intake.hasRoom) this.#room = undefined;
      this.#waiters.wake();
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => {
      const { unacknowledged } = this.#session.totals;
      this.#session.fail(new Error(`no ACK for ${unacknowledged} ticks in ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      await this.flush();
    } finally {
      clearTimeout(timer);
      this.#session.close();
    }
  }
}

function closedError(): Error {
  return new Error('the publisher is closed');
}

/** Marks a promise as handled: callers need not await it. */
function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
