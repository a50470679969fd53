import type { WireFrame } from '../../testkit/independent/protocol.ts';

/** A message on its way to the server, with what the client meant by it. */
export interface SentMessage {
  readonly data: Uint8Array | string;
  readonly frame: WireFrame;
}

/** The client's end. */
export interface Client {
  receive(frame: WireFrame): void;
  /** The connection is gone. */
  closed(code: number): void;
}

/** Sees what goes through the server's end, and breaks the run off when it is wrong. */
export interface Observer {
  /** The server is about to be handed a message, and has dealt with it. */
  before(message: SentMessage): void;
  after(message: SentMessage): void;
  /** The server sends. `buffered`: bytes before it that the peer's kernel has not taken. */
  sent(frame: WireFrame, bytes: number, buffered: number): void;
  /**
   * The server closes, or hears that the connection is gone; the peer showed no sign of life for
   * `quietMs`, and `buffered` bytes wait for it.
   */
  closed(code: number, quietMs: number, buffered: number): void;
}

/** How a client reads. */
export const Reading = {
  ALL: 'all',
  PARTS: 'parts',
  /** A byte a second. */
  CRAWL: 'crawl',
  NOTHING: 'nothing',
} as const;
export type Reading = (typeof Reading)[keyof typeof Reading];
