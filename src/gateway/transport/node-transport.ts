import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { type ServerOptions, WebSocketServer } from 'ws';
import { CIPHERS_OF_1_2, TLS_VERSION_MIN, type TlsPair } from './certificate.ts';
import { guardUpgrade, reportFault } from './guarded-answers.ts';
import { CLOSE_TIMEOUT_MS } from './handler-calls.ts';
import { listenError } from './listen-address.ts';
import {
  readNodeHead,
  refuseNodeUpgrade,
  responseOnSocket,
  serveNodeRequest,
} from './node-http.ts';
import { NodeSocket } from './node-socket.ts';
import { bodyTimeoutMs, ReceivedHead } from './received-request.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';

/**
 * Starts the transport on `ws` and node:http.
 *
 * @throws Error when the address cannot be listened on
 */
export async function startNodeTransport(
  options: TransportOptions,
  handlers: TransportHandlers,
): Promise<Transport> {
  const upgrades = new Upgrades(options, handlers);
  const server = createNodeServer(options, (request, response) => {
    serveNodeRequest(request, response, options, handlers);
  });
  const connections = new Connections(server);
  server.on('upgrade', (request, socket, head) => {
    upgrades.take(request, socket as TcpSocket, head);
  });
  await listen(server, options);
  server.on('error', (error) => reportFault(handlers, error));
  return {
    name: 'node',
    port: (server.address() as AddressInfo).port,
    renewTls: (pair) => renewNodeTls(server, pair),
    stopListening: () => {
      server.close();
    },
    close: () => {
      server.close();
      connections.cutAll();
    },
  };
}

/** Handles connections that ask for an upgrade. */
class Upgrades {
  readonly #options: TransportOptions;
  readonly #handlers: TransportHandlers;
  readonly #server: WebSocketServer;
  /** The subprotocol of the current upgrade; upgrades are handled synchronously, one at a time. */
  #subprotocol = '';

  constructor(options: TransportOptions, handlers: TransportHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    const serverOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.frameBytesMax,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: () => (this.#subprotocol === '' ? false : this.#subprotocol),
    };
    this.#server = new WebSocketServer(serverOptions);
  }

  take(request: IncomingMessage, tcp: TcpSocket, head: Buffer): void {
    if (!isWebSocketUpgrade(request)) {
      // An offer of another protocol may be ignored: serve the request like any other.
      const response = responseOnSocket(request, tcp);
      serveNodeRequest(request, response, this.#options, this.#handlers);
      return;
    }
    const received = new ReceivedHead(readNodeHead(request));
    const decision = guardUpgrade(this.#handlers, received);
    if (!decision.accept) {
      refuseNodeUpgrade(request, tcp, decision.response, this.#options.headers);
      return;
    }
    this.#subprotocol = decision.subprotocol;
    this.#server.handleUpgrade(request, tcp, head, (ws) => {
      const socket = new NodeSocket(ws, tcp, received.remoteAddress, (error) =>
        reportFault(this.#handlers, error),
      );
      socket.open(decision.open);
    });
  }
}

/**
 * All connections of a server. node:http does not track those in a TLS handshake or those that
 * asked for an upgrade.
 */
class Connections {
  readonly #sockets = new Set<TcpSocket>();

  constructor(server: NodeServer) {
    server.on('connection', (tcp: TcpSocket) => {
      this.#sockets.add(tcp);
      tcp.on('close', () => this.#sockets.delete(tcp));
    });
  }

  cutAll(): void {
    for (const tcp of this.#sockets) tcp.destroy();
  }
}

function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    request.headers.upgrade?.toLowerCase() === 'websocket' &&
    request.headers['sec-websocket-key'] !== undefined
  );
}

function listen(server: NodeServer, { host, port }: TransportOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(listenError(host, port, error));
    server.once('error', failed);
    try {
      server.listen({ host, port }, () => {
        server.off('error', failed);
        resolve();
      });
    } catch (error) {
      failed(error);
    }
  });
}

export type NodeServer = Server | TlsServer;

/**
 * Minimum silence in both directions after which a connection that is not a WebSocket is cut, ms.
 */
const SILENCE_MS_MIN = 10_000;
/** Checks for overdue requests within the time they have. */
const CHECKS_IN_TIME = 4;

/** Ciphers of TLS 1.2 and 1.3: node:tls does not speak 1.3 unless one of its ciphers is named. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  ...CIPHERS_OF_1_2,
].join(':');

/** A server of node:http or node:https with time limits on every part of a request. */
function createNodeServer(options: TransportOptions, listener: RequestListener): NodeServer {
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

/** Sets the certificate of new handshakes. */
function renewNodeTls(server: NodeServer, pair: TlsPair): void {
  if (!(server instanceof TlsServer)) throw new Error('the server was started without TLS');
  server.setSecureContext(contextOf(pair));
}

function contextOf({ certificate, key }: TlsPair) {
  return { cert: certificate, key, minVersion: TLS_VERSION_MIN, ciphers: CIPHERS };
}
