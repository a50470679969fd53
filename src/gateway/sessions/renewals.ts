import { AccessError, type Authenticator, UncheckedTokenError } from '../../access/index.ts';
import { CloseCode, ErrorCode, ProtocolError } from '../../protocol/index.ts';
import type { Connection } from './connection.ts';
import type { SecurityEvents } from './security-events.ts';
import type { Session } from './session.ts';

/** Refused tokens after which a connection is closed. */
const REFUSED_MAX = 3;
/** Tokens of one connection that may be checked or wait for it. */
const WAITING_MAX = 4;

/** The renewals of one connection. */
interface Queue {
  /** Settles when the newest renewal is done. Never rejects. */
  last: Promise<void>;
  waiting: number;
  refused: number;
}

/**
 * `AUTH` on a live session: the new token replaces the old one without a reconnect. A refused token
 * changes nothing: the session continues until its own token expires.
 */
export class Renewals {
  readonly #authenticator: Authenticator;
  readonly #security: SecurityEvents;
  readonly #fault: (error: unknown) => void;
  readonly #queues = new WeakMap<Connection, Queue>();

  /** @param fault reports an error that no client caused */
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
   * Checks a new token; the session continues meanwhile. Tokens are checked one at a time, in
   * order: the last accepted one holds, however long each check takes.
   */
  renew(session: Session, token: string): void {
    const queue = this.#queueOf(session.connection);
    if (queue.waiting === WAITING_MAX) {
      this.#refuse(session.connection, queue, 'too many tokens at once');
      return;
    }
    queue.waiting++;
    queue.last = queue.last.then(async () => {
      await this.#renew(session, queue, token);
      queue.waiting--;
    });
  }

  /**
   * The API keys were read again: closes sessions whose key is gone, and gives the others their
   * key's new permissions.
   */
  keysChanged(sessions: Iterable<Session>): void {
    for (const session of sessions) {
      const { client } = session.connection;
      const identity = this.#authenticator.current(client.identity);
      if (identity === client.identity) continue;
      if (identity !== undefined && client.renew(identity)) session.permissionsChanged();
      else this.#closeWithdrawn(session.connection);
    }
  }

  #closeWithdrawn(connection: Connection): void {
    const reason = 'the API key was withdrawn';
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
    // Tokens still waiting when the connection closed are not checked.
    if (!connection.isOpen) return;
    try {
      const identity = await this.#authenticator.authenticate(token);
      // The same token renews nothing: no new allowance of ticks, no new match of all symbols.
      if (!connection.isOpen || identity === connection.client.identity) return;
      if (!connection.client.renew(identity)) {
        throw new AccessError('the token has another subject or tenant: reconnect with it');
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

/** Time between checks, ms: a session outlives its token by no more. */
const CHECK_EVERY_MS = 250;

/** Closes sessions whose token has expired, with 4010: their clients reconnect with a new one. */
export class Expiry {
  readonly #sessions: () => Iterable<Pick<Session, 'connection'>>;
  #timer: NodeJS.Timeout | undefined;

  constructor(sessions: () => Iterable<Pick<Session, 'connection'>>) {
    this.#sessions = sessions;
  }

  start(): void {
    this.#timer = setInterval(() => this.#check(Date.now()), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(now: number): void {
    for (const { connection } of this.#sessions()) {
      if (connection.client.identity.expiresAt > now) continue;
      connection.refuse(new ProtocolError(ErrorCode.unauthorized, 'the token has expired'));
      connection.close(CloseCode.TOKEN_EXPIRED, 'the token has expired');
    }
  }
}
