import { CloseCode, ErrorCode, ProtocolError } from '../../protocol/index.ts';
import type { Session } from './session.ts';

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
