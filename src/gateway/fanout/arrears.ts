import type { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';

type Queue = Pick<SessionSubscriptions, 'statsPending' | 'statsTaken'>;

/**
 * How far a session that never catches up is behind: a bound on the age of the oldest change that
 * it was not sent. Its changes wait in order, so once as many were taken as waited at some moment,
 * everything from before that moment is sent. Times in ms, monotonic.
 */
export class Arrears {
  #isIdle = true;
  /** Changes from before this time are sent. */
  #doneUntil = 0;
  /** The next such time, and the count of taken changes at which it is reached. */
  #nextAt = 0;
  #nextTaken = 0;

  /** Changes wait, if only until they are sent at once. */
  start(queue: Queue, now: number): void {
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.#doneUntil = now;
    this.#aim(queue, now);
  }

  /** None waits any more. */
  end(): void {
    this.#isIdle = true;
  }

  /** Changes were taken, and the rest waits. Returns the bound, ms; 0 if none does. */
  progress(queue: Queue, now: number): number {
    if (queue.statsPending === 0) {
      this.end();
      return 0;
    }
    this.start(queue, now);
    if (queue.statsTaken >= this.#nextTaken) {
      this.#doneUntil = this.#nextAt;
      this.#aim(queue, now);
    }
    return now - this.#doneUntil;
  }

  #aim({ statsPending, statsTaken }: Queue, now: number): void {
    this.#nextAt = now;
    this.#nextTaken = statsTaken + statsPending;
  }
}
