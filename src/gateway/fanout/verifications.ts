import { digestFrame } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import type { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';
import { sessionDigest } from './session-digest.ts';

interface Waiting {
  readonly requestId: number;
  /** Due once as many changes were taken. */
  dueAfter: number;
}

/**
 * One session's `VERIFY` requests that wait until it has everything that was due before them.
 *
 * Queued changes are sent in order. So whatever waits now is sent once `statsTaken` has grown by
 * `statsPending`, even if the session is never without a change again.
 */
export class Verifications {
  readonly #subscriptions: SessionSubscriptions;
  /** Most sessions never ask. */
  #waiting: Waiting[] | undefined;

  constructor(subscriptions: SessionSubscriptions) {
    this.#subscriptions = subscriptions;
  }

  get count(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Takes a request; what it must wait for is marked. */
  add(requestId: number): void {
    this.#waiting ??= [];
    this.#waiting.push({ requestId, dueAfter: this.#subscriptions.pendingEnd });
  }

  /** Has all requests wait for what is marked now, too. */
  postpone(): void {
    if (this.#waiting === undefined) return;
    for (const waiting of this.#waiting) waiting.dueAfter = this.#subscriptions.pendingEnd;
  }

  /** Answers those that are due. */
  answer(connection: Connection, context: Pick<GatewayContext, 'engine' | 'versions'>): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { statsPending, statsTaken } = this.#subscriptions;
    const isDue = ({ dueAfter }: Waiting) => statsPending === 0 || statsTaken >= dueAfter;
    const due = waiting.filter(isDue);
    if (due.length === 0) return;
    const { symbolCount, value } = sessionDigest(this.#subscriptions, context);
    for (const { requestId } of due) connection.send(digestFrame(requestId, value, symbolCount));
    const left = waiting.filter((each) => !isDue(each));
    this.#waiting = left.length === 0 ? undefined : left;
  }
}
