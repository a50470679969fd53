import type { Encoding } from '../../../src/protocol/index.ts';
import type { WebSocketConstructor } from './web-socket.ts';

/** How to reach a server, for subscribers and publishers alike. */
export interface ConnectOptions {
  /** Bearer token, or a function that gets one before each connection. */
  readonly token?: string | (() => string | Promise<string>);
  /** The WebSocket class; default: the platform's, else that of the `ws` package. */
  readonly WebSocket?: WebSocketConstructor;
  /** Encoding of frames; default `binary` (MessagePack). */
  readonly encoding?: Encoding;
  /** Timeout for getting a token and for opening a session, ms; default 10 000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long to keep trying without a session that lasts, ms; default: for ever. The time of
   * sessions that did not last does not count. 0: never reconnect.
   */
  readonly giveUpAfterMs?: number;
  /** Closes the client when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * The URL of an endpoint of a server. Takes `ws:`, `wss:`, `http:` and `https:` URLs, with a path
 * prefix where a proxy needs one.
 *
 * @throws TypeError for anything else
 */
export function endpointUrl(server: string | URL, path: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  const url = new URL(server, location?.href);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(url.protocol)) throw new TypeError(`not the URL of a server: ${server}`);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  url.search = '';
  url.hash = '';
  return url;
}
