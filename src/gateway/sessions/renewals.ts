import { AccessError, type Authenticator, UncheckedTokenError } from '../../access/index.ts';
import { CloseCode, ErrorCode, ProtocolError } from '../../protocol/index.ts';
import type { Connection } from './connection.ts';
import type { SecurityEvents } from './security-events.ts';
import type { Session } from './session.ts';

/** Tokens refused on one connection before it is closed: nobody tries out tokens at leisure. */
const REFUSED_MAX = 3;
/** Tokens of one connection that are looked at or wait for it; nobody needs more. */
const WAITING_MAX = 4;

/** The renewals of one connection. */
interface Queue {
  /** Settled when the newest of them is done. Never rejects. */
  last: Promise<void>;
  waiting: number;
  refused: number;
}

/**
 * `AUTH` on a live session: the new token takes the place of the one before, without a reconnect. One that is refused
 * changes nothing; the session goes on until the token that it has expires.
 */
export class Renewals {
  readonly #authenticator: Authenticator;
  readonly #security: SecurityEvents;
  readonly #fault: (error: unknown) => void;
  readonly #queues = new WeakMap<Connection, Queue>();

  /** @param fault told of what cannot be told a client */
  constructor(
    authenticator: Authenticator,
    security: SecurityEvents,
    fault: (error: unknown) => void,
  ) {
    this.#authenticator = authenticator;
    this.#security = security;
    this.#fault = fault;
  }

  /**
   * The session goes on meanwhile. Tokens are looked at one after the other, as they came: the last one that is accepted
   * holds, however long each takes.
   */
  renew(session: Session, token: string): void {
    const queue = this.#queueOf(session.connection);
    if (queue.waiting === WAITING_MAX) {
      this.#refuse(session.connection, queue, 'too many tokens came at a time');
      return;
    }
    queue.waiting++;
    queue.last = queue.last.then(async () => {
      await this.#renew(session, queue, token);
      queue.waiting--;
    });
  }

  /** Keys were read again: whose API key is gone is sent away, whose key says something else may do that from now on. */
  keysChanged(sessions: Iterable<Session>): void {
    for (const session of sessions) {
      const { client } = session.connection;
      const identity = this.#authenticator.current(client.identity);
      if (identity === client.identity) continue;
      if (identity !== undefined && client.renew(identity)) session.permissionsChanged();
      else this.#sendAway(session.connection);
    }
  }

  #sendAway(connection: Connection): void {
    const reason = 'the API key is not known any more';
    this.#security.authenticationFailed(connection.client.address, reason);
    connection.refuse(new ProtocolError(ErrorCode.unauthorized, reason));
    connection.close(CloseCode.TOKEN_EXPIRED, reason);
  }

  #queueOf(connection: Connection): Queue {
    let queue = this.#queues.get(connection);
    if (queue === undefined) {
      queue = { last: Promise.resolve(), waiting: 0, refused: 0 };
      this.#queues.set(connection, queue);
    }
    return queue;
  }

  async #renew(session: Session, queue: Queue, token: string): Promise<void> {
    const { connection } = session;
    // Of those that waited when it was closed, none is looked at.
    if (!connection.isOpen) return;
    try {
      const identity = await this.#authenticator.authenticate(token);
      // With the token it has, a session gets nothing anew: no full allowance of ticks, no look at all symbols.
      if (!connection.isOpen || identity === connection.client.identity) return;
      if (!connection.client.renew(identity)) {
        throw new AccessError('the token is of another subject or tenant: connect anew with it');
      }
      session.permissionsChanged();
    } catch (error) {
      if (error instanceof AccessError) this.#refuse(connection, queue, error.message);
      else if (error instanceof UncheckedTokenError) {
        connection.refuse(new ProtocolError(ErrorCode.not_available, error.message));
      } else this.#fault(error);
    }
  }

  #refuse(connection: Connection, queue: Queue, reason: string): void {
    this.#security.authenticationFailed(connection.client.address, reason);
    connection.refuse(new ProtocolError(ErrorCode.unauthorized, reason));
    queue.refused++;
    if (queue.refused >= REFUSED_MAX) {
      connection.close(CloseCode.UNAUTHORIZED, `${queue.refused} tokens were not accepted`);
    }
  }
}

/** How often tokens are looked at, ms: a session outlives its token by no more. */
const LOOK_EVERY_MS = 250;

/** Ends the sessions whose token has expired, with 4010: their clients come back with another. */
export class Expiry {
  readonly #sessions: () => Iterable<Pick<Session, 'connection'>>;
  #timer: NodeJS.Timeout | undefined;

  constructor(sessions: () => Iterable<Pick<Session, 'connection'>>) {
    this.#sessions = sessions;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(now: number): void {
    for (const { connection } of this.#sessions()) {
      if (connection.client.identity.expiresAt > now) continue;
      connection.refuse(new ProtocolError(ErrorCode.unauthorized, 'the token has expired'));
      connection.close(CloseCode.TOKEN_EXPIRED, 'the token has expired');
    }
  }
}
