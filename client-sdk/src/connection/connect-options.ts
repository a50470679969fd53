import type { Encoding } from '../../../src/protocol/index.ts';
import type { WebSocketConstructor } from './web-socket.ts';

/** How to reach a server, for subscribers and publishers alike. */
export interface ConnectOptions {
  /**
   * Bearer token, where the server demands one; or what gets one, which is asked before each
   * connection.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** The class of the sockets; default: the platform's, or else that of the `ws` package. */
  readonly WebSocket?: WebSocketConstructor;
  /** How frames are written; default `binary` (MessagePack). */
  readonly encoding?: Encoding;
  /** Longest wait for a session to open, and before that for a token, ms; default 10 000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long to try reconnecting without a session that lasts, ms; default: for ever. The time of
   * shorter sessions does not count. 0: the first connection is the only one.
   */
  readonly giveUpAfterMs?: number;
  /** Closes the client when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * The address of an endpoint at a server: `ws:`, `wss:`, `http:` and `https:` addresses are taken,
 * with a path in front where a proxy has one.
 *
 * @throws TypeError for what is no such address
 */
export function endpointUrl(server: string | URL, path: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  const url = new URL(server, location?.href);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(url.protocol)) throw new TypeError(`not the address of a server: ${server}`);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  url.search = '';
  url.hash = '';
  return url;
}
