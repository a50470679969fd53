import { CloseCode, ErrorCode, ProtocolError } from '../../protocol/index.ts';
import type { PublisherClaim } from '../ingest/publisher-registry.ts';
import type { SocketHandler } from '../transport/transport.ts';
import type { Connection } from './connection.ts';

/** Bounds on what a publisher may send before it is welcome. */
const AHEAD_MESSAGES_MAX = 64;
const AHEAD_BYTES_MAX = 1_048_576;
/** The standard close code "try again later"; its range tells clients to reconnect. */
const TRY_AGAIN_LATER = 1013;

/**
 * Holds a publisher's connection until its name is claimed; then opens the session and passes
 * everything on to it. Messages sent ahead are queued, within bounds.
 */
export class ClaimingHandler implements SocketHandler {
  readonly connection: Connection;
  readonly #left: (handler: ClaimingHandler) => void;
  #session: SocketHandler | undefined;
  readonly #ahead: (Uint8Array | string)[] = [];
  #aheadBytes = 0;

  /**
   * @param open opens the session
   * @param left called once it waits no more
   */
  constructor(
    connection: Connection,
    claim: Promise<PublisherClaim>,
    open: (claim: PublisherClaim) => SocketHandler,
    left: (handler: ClaimingHandler) => void,
  ) {
    this.connection = connection;
    this.#left = left;
    claim.then(
      (claimed) => this.#enter(claimed, open),
      () => this.#refuse(ErrorCode.not_available, TRY_AGAIN_LATER, 'the cluster does not answer'),
    );
  }

  message(data: Uint8Array | string): void {
    if (this.#session !== undefined) {
      this.#session.message(data);
      return;
    }
    if (!this.connection.isOpen) return;
    this.#aheadBytes += typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (this.#ahead.length >= AHEAD_MESSAGES_MAX || this.#aheadBytes > AHEAD_BYTES_MAX) {
      const reason = 'too much was sent before WELCOME';
      this.#refuse(ErrorCode.bad_frame, CloseCode.PROTOCOL_ERROR, reason);
      return;
    }
    // The bytes are valid during the call only.
    this.#ahead.push(typeof data === 'string' ? data : new Uint8Array(data));
  }

  drain(): void {
    this.#session?.drain();
  }

  pong(mark: number): void {
    this.#session?.pong(mark);
  }

  close(code: number): void {
    this.#left(this);
    if (this.#session === undefined) this.connection.closed();
    else this.#session.close(code);
  }

  #enter(claim: PublisherClaim, open: (claim: PublisherClaim) => SocketHandler): void {
    this.#left(this);
    if (!this.connection.isOpen) return;
    const session = open(claim);
    this.#session = session;
    for (const data of this.#ahead.splice(0)) session.message(data);
  }

  #refuse(error: ErrorCode, closeCode: number, reason: string): void {
    this.#left(this);
    if (!this.connection.isOpen) return;
    this.#ahead.length = 0;
    this.connection.refuse(new ProtocolError(error, reason));
    this.connection.close(closeCode, reason);
  }
}
