import { CloseCode, type Frame } from '../../protocol/index.ts';
import type { PublishSession } from '../ingest/publish-session.ts';
import type { Living } from './liveness.ts';
import type { StreamSession } from './stream-session.ts';

/** Every live session. */
export class Sessions {
  readonly publishers = new Set<PublishSession>();
  readonly subscribers = new Set<StreamSession>();
  #lastNumber = 0;

  /** A name for a new session: unique in this process. */
  nextName(): string {
    this.#lastNumber++;
    return `s${this.#lastNumber}`;
  }

  *all(): Iterable<PublishSession | StreamSession> {
    yield* this.publishers;
    yield* this.subscribers;
  }

  get size(): number {
    return this.publishers.size + this.subscribers.size;
  }

  /** Sessions whose socket had no room when last looked at. */
  countSlow(): number {
    let slow = 0;
    for (const { delivery } of this.subscribers) if (delivery.isSlow) slow++;
    return slow;
  }

  announce(frame: Frame): void {
    for (const { connection } of this.all()) connection.send(frame);
  }

  /** Closes with "going away": clients reconnect. */
  dismiss(sessions: Iterable<Pick<Living, 'connection'>>): void {
    for (const { connection } of sessions)
      connection.close(CloseCode.GOING_AWAY, 'server going away');
  }
}
