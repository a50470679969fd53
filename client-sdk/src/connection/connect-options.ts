import type { Encoding } from '../../../src/protocol/index.ts';
import { check, fault, type Rules } from '../value-checks.ts';
import type { WebSocketConstructor } from './web-socket.ts';

/** The address of a server, or those of all that serve the same data, as edges of a cluster do. */
export type ServerUrl = string | URL | readonly (string | URL)[];

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

/** What options of every client must be. */
export const CONNECT_RULES: Rules<ConnectOptions> = {
  token: ['string', 'function'],
  WebSocket: ['function'],
  encoding: ['"binary"', '"json"'],
  connectTimeoutMs: { min: 1, unit: 'ms' },
  giveUpAfterMs: { min: 0, unit: 'ms' },
  signal: ['object'],
};

const URL_RULE = 'the URL of a server (ws:, wss:, http: or https:)';

/**
 * URLs of an endpoint of servers, in a random order: the clients of a server that is lost spread
 * over the others.
 *
 * @throws TypeError as {@link endpointUrl} does, or without an address
 */
export function endpointUrls(servers: ServerUrl, path: string, search?: string): string[] {
  const urls: string[] = [];
  for (const server of [servers].flat()) {
    urls.splice(Math.random() * (urls.length + 1), 0, endpointUrl(server, path, search).href);
  }
  if (urls[0] === undefined) throw new TypeError(fault('url', URL_RULE, servers));
  return urls;
}

/**
 * The URL of an endpoint of a server. Takes `ws:`, `wss:`, `http:` and `https:` URLs, with a path
 * prefix where a proxy needs one.
 *
 * @throws TypeError for anything else
 */
export function endpointUrl(server: string | URL, path: string, search = ''): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  check('url', server, ['string', 'object']);
  try {
    const url = new URL(server, location?.href);
    url.protocol = url.protocol.replace(/^http/, 'ws');
    if (url.protocol.startsWith('ws')) {
      url.pathname = url.pathname.replace(/\/$/, '') + path;
      url.search = search;
      url.hash = '';
      return url;
    }
  } catch {
    // Refused like another protocol.
  }
  throw new TypeError(fault('url', URL_RULE, String(server)));
}
