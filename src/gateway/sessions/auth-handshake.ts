import {
  AccessError,
  type Authenticator,
  type Identity,
  UncheckedTokenError,
} from '../../access/index.ts';
import {
  CloseCode,
  decodeFrame,
  ErrorCode,
  Op,
  ProtocolError,
  readStreamRequest,
} from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { SocketHandler } from '../transport/transport.ts';
import type { Connection } from './connection.ts';

/** Bounds on what a client may send while its token is checked. */
const AHEAD_MESSAGES_MAX = 64;
const AHEAD_BYTES_MAX = 1_048_576;

/** The standard close code "try again later"; its range tells clients to reconnect. */
const TRY_AGAIN_LATER = 1013;

export type HandshakeContext = Pick<GatewayContext, 'config' | 'fault' | 'security' | 'sessions'>;

/**
 * Holds a connection until its token is accepted; then opens the session, which sends WELCOME, and
 * passes everything on to it. Messages sent ahead are queued, within bounds.
 */
export class AuthHandshake implements SocketHandler {
  readonly connection: Connection;
  readonly #context: HandshakeContext;
  readonly #authenticator: Authenticator;
  readonly #open: (identity: Identity) => SocketHandler;
  readonly #timer: NodeJS.Timeout;
  #session: SocketHandler | undefined;
  #isChecking = false;
  readonly #ahead: (Uint8Array | string)[] = [];
  #aheadBytes = 0;

  /**
   * @param token the token in the upgrade; undefined: the first frame must be AUTH
   * @param open opens the session of an authenticated client
   */
  constructor(
    connection: Connection,
    token: string | undefined,
    context: HandshakeContext,
    authenticator: Authenticator,
    open: (identity: Identity) => SocketHandler,
  ) {
    this.connection = connection;
    this.#context = context;
    this.#authenticator = authenticator;
    this.#open = open;
    context.sessions.handshakes.add(this);
    this.#timer = setTimeout(() => this.#timeOut(), context.config.server.authTimeoutMs);
    if (token !== undefined) this.#check(token);
  }

  message(data: Uint8Array | string): void {
    if (this.#session !== undefined) this.#session.message(data);
    else if (!this.connection.isOpen) return;
    else if (this.#isChecking) this.#keep(data);
    else this.#readToken(data);
  }

  drain(): void {
    this.#session?.drain();
  }

  pong(mark: number): void {
    this.#session?.pong(mark);
  }

  close(code: number): void {
    clearTimeout(this.#timer);
    this.#context.sessions.handshakes.delete(this);
    if (this.#session === undefined) this.connection.closed();
    else this.#session.close(code);
  }

  #readToken(data: Uint8Array | string): void {
    try {
      this.connection.expectEncoding(data);
      const frame = decodeFrame(data);
      // AUTH is the same on both endpoints.
      const request = frame[0] === Op.AUTH ? readStreamRequest(frame) : undefined;
      if (request?.op === Op.AUTH) this.#check(request.token);
      else this.#refuse('the first frame must be AUTH with a token');
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.connection.refuse(error);
    }
  }

  #keep(data: Uint8Array | string): void {
    this.#aheadBytes += typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (this.#ahead.length >= AHEAD_MESSAGES_MAX || this.#aheadBytes > AHEAD_BYTES_MAX) {
      this.#refuse('too much was sent before WELCOME');
      return;
    }
    // The bytes are valid during the call only.
    this.#ahead.push(typeof data === 'string' ? data : new Uint8Array(data));
  }

  #check(token: string): void {
    this.#isChecking = true;
    this.#authenticator
      .authenticate(token)
      .then((identity) => this.#admit(identity))
      .catch((error: unknown) => {
        if (error instanceof AccessError) this.#refuse(error.message);
        else if (error instanceof UncheckedTokenError) this.#postpone(error.message);
        else this.#fail(error);
      });
  }

  #admit(identity: Identity): void {
    if (!this.connection.isOpen) return;
    clearTimeout(this.#timer);
    this.#context.sessions.handshakes.delete(this);
    const session = this.#open(identity);
    this.#session = session;
    for (const data of this.#ahead.splice(0)) session.message(data);
  }

  #fail(error: unknown): void {
    this.#context.fault(error);
    this.connection.close(1011, 'internal error');
  }

  #timeOut(): void {
    const within = `within ${this.#context.config.server.authTimeoutMs} ms`;
    if (this.#isChecking) this.#postpone(`the token could not be checked ${within}`);
    else this.#refuse(`no token was accepted ${within}`);
  }

  #refuse(reason: string): void {
    this.#end(ErrorCode.unauthorized, CloseCode.UNAUTHORIZED, reason);
  }

  /** The token may be valid: the client should try again. */
  #postpone(reason: string): void {
    this.#end(ErrorCode.not_available, TRY_AGAIN_LATER, reason);
  }

  #end(error: ErrorCode, closeCode: number, reason: string): void {
    if (!this.connection.isOpen) return;
    clearTimeout(this.#timer);
    this.#ahead.length = 0;
    this.#context.security.authenticationFailed(this.connection.remoteAddress, reason);
    this.connection.refuse(new ProtocolError(error, reason));
    this.connection.close(closeCode, reason);
  }
}
