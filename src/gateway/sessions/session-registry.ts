import { CloseCode, type Frame } from '../../protocol/index.ts';
import type { PublisherSession, Session, SubscriberSession } from './session.ts';

/** Every live session, and the handshakes of clients that are about to have one. */
export class SessionRegistry {
  readonly publishers = new Set<PublisherSession>();
  readonly subscribers = new Set<SubscriberSession>();
  /** Connections whose token is not accepted yet. */
  readonly handshakes = new Set<Pick<Session, 'connection'>>();
  #lastNumber = 0;

  /** A name for a new session, unique in this process. */
  nextName(): string {
    this.#lastNumber++;
    return `s${this.#lastNumber}`;
  }

  *all(): Iterable<Session> {
    yield* this.publishers;
    yield* this.subscribers;
  }

  get size(): number {
    return this.publishers.size + this.subscribers.size;
  }

  /** Sessions whose socket buffer was full at the last check, or whose client does not read. */
  countSlow(): number {
    let slow = 0;
    for (const { isSlow } of this.subscribers) if (isSlow) slow++;
    return slow;
  }

  /** Sessions whose changes wait for their client to read what is on its way. */
  countPaced(): number {
    let paced = 0;
    for (const { isPaced } of this.subscribers) if (isPaced) paced++;
    return paced;
  }

  announce(frame: Frame): void {
    for (const { connection } of this.all()) connection.send(frame);
  }

  /** Closes sessions with "going away": their clients reconnect. */
  dismiss(sessions: Iterable<Pick<Session, 'connection'>>): void {
    for (const { connection } of sessions) {
      connection.close(CloseCode.GOING_AWAY, 'server going away');
    }
  }
}
