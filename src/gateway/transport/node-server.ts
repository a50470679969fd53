import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { bodyTimeoutMs } from './request-time.ts';
import { CIPHERS_OF_1_2, TLS_VERSION_MIN, type TlsPair } from './tls-pair.ts';
import type { TransportOptions } from './transport.ts';

export type NodeServer = Server | TlsServer;

/** A connection is cut after no byte went either way for at least this long, ms, unless it is a WebSocket. */
const SILENCE_MS_MIN = 10_000;
/** How often overdue requests are looked for: at least so many times in the time they have. */
const CHECKS_IN_TIME = 4;

/** Of both versions: node:tls does not speak 1.3 where none of its ciphers is named. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  ...CIPHERS_OF_1_2,
].join(':');

/** A server of node:http or node:https that lets nobody take for ever over a request. */
export function createNodeServer(options: TransportOptions, listener: RequestListener): NodeServer {
  const { headMs, idleMs, tls } = options;
  const timeouts = {
    headersTimeout: headMs,
    requestTimeout: headMs + bodyTimeoutMs(options),
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: Math.ceil(headMs / CHECKS_IN_TIME),
  };
  const server =
    tls === undefined
      ? createServer(timeouts, listener)
      : createTlsServer({ ...timeouts, handshakeTimeout: headMs, ...contextOf(tls) }, listener);
  server.timeout = Math.max(SILENCE_MS_MIN, headMs, idleMs);
  return server;
}

/** Has new handshakes use a certificate. */
export function renewNodeTls(server: NodeServer, pair: TlsPair): void {
  if (!(server instanceof TlsServer)) throw new Error('the server was started without TLS');
  server.setSecureContext(contextOf(pair));
}

function contextOf({ certificate, key }: TlsPair) {
  return { cert: certificate, key, minVersion: TLS_VERSION_MIN, ciphers: CIPHERS };
}
