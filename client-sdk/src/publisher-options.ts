import type { Encoding, ProtocolError } from '../../src/protocol/index.ts';
import type { Closure } from './connection.ts';
import type { OpenSocket } from './socket.ts';

export interface PublisherOptions {
  /**
   * The publisher's name, under which the server remembers its sequence: 1 to 64 characters of
   * `A-Z a-z 0-9 . _ -`.
   */
  readonly publisher: string;
  /** How frames are written; default `binary`. */
  readonly encoding?: Encoding;
  /** Bearer token, where the server demands one. */
  readonly token?: string;
  /** Opens the WebSocket; default: the `ws` package. */
  readonly openSocket?: OpenSocket;
  /** Longest wait for a session to open, ms; default 10 000. */
  readonly connectTimeoutMs?: number;
  /** How long to try reconnecting without any progress before giving up, ms; default 60 000. */
  readonly giveUpAfterMs?: number;
  /** No more is taken while so many bytes wait in the socket; default 4 MiB. */
  readonly bufferedBytesMax?: number;
  /** Called when the server has acknowledged so many more frames, the oldest open ones. */
  readonly onAck?: (frames: number) => void;
  /** Called when the server refused single ticks of a frame. */
  readonly onReject?: (rejection: Rejection) => void;
  /** Called for each server error that the publisher cannot mend by itself. */
  readonly onError?: (error: ProtocolError) => void;
  /** Called when a connection was lost and a new one will be tried. */
  readonly onReconnect?: (closure: Closure) => void;
}

/** Ticks of one frame that the server refused. */
export interface Rejection {
  readonly sequence: number;
  /** Where they stood in the frame, and the error codes. */
  readonly ticks: readonly { readonly index: number; readonly code: number }[];
}

/** A tick for `Publisher.publish`. */
export interface Tick {
  readonly symbol: string;
  readonly price: number;
  /** Ms since the epoch; absent: the server's receipt time. */
  readonly time?: number;
}

/** Ticks so far, over all connections. */
export interface PublisherTotals {
  /** Taken from the caller; each counts once, however often it was sent. */
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
  /** Known to be applied from the sequence that a reconnect told, without counts of their own. */
  readonly resumed: number;
  /** Sent or waiting to be sent, and not acknowledged. */
  readonly unacknowledged: number;
  readonly reconnects: number;
}
