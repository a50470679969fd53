import { AccessError, type Authenticator } from '../../access/index.ts';
import { CloseCode, ErrorCode, ProtocolError } from '../../protocol/index.ts';
import type { Connection } from '../connection.ts';
import type { SecurityEvents } from './security-events.ts';

/** Tokens refused on one connection before it is closed: nobody tries out tokens at leisure. */
const REFUSED_MAX = 3;

/** A session whose token may be replaced. */
export interface Renewable {
  readonly connection: Connection;
  /** What its client may do is not what it was. */
  permissionsChanged(): void;
}

/**
 * `AUTH` on a live session: the new token takes the place of the one before, without a reconnect. One that is refused
 * changes nothing; the session goes on until the token that it has expires.
 */
export class Renewals {
  readonly #authenticator: Authenticator;
  readonly #security: SecurityEvents;
  readonly #fault: (error: unknown) => void;
  readonly #refused = new WeakMap<Connection, number>();

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

  /** Settled when it is done or refused; the session goes on meanwhile. */
  renew(session: Renewable, token: string): void {
    void this.#renew(session, token).catch((error: unknown) => {
      if (error instanceof AccessError) this.#refuse(session.connection, error.message);
      else this.#fault(error);
    });
  }

  async #renew(session: Renewable, token: string): Promise<void> {
    const { connection } = session;
    const identity = await this.#authenticator.authenticate(token);
    if (!connection.isOpen) return;
    if (!connection.client.renew(identity)) {
      throw new AccessError('the token is of another subject or tenant: connect anew with it');
    }
    session.permissionsChanged();
  }

  #refuse(connection: Connection, reason: string): void {
    this.#security.authenticationFailed(connection.client.address, reason);
    connection.refuse(new ProtocolError(ErrorCode.unauthorized, reason));
    const refused = (this.#refused.get(connection) ?? 0) + 1;
    this.#refused.set(connection, refused);
    if (refused >= REFUSED_MAX) {
      connection.close(CloseCode.UNAUTHORIZED, `${refused} tokens were not accepted`);
    }
  }
}
