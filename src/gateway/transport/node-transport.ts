import { createServer, maxHeaderSize, type RequestListener } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import { HEAD_BYTES_MAX } from './abilities.ts';
import { CIPHERS_OF_1_2, TLS_VERSION_MIN, type TlsPair } from './certificate.ts';
import { reportFault } from './guarded-answers.ts';
import { type Listener, listenOnAll } from './listen-address.ts';
import { serveNodeRequest } from './node-http.ts';
import { type NodeServer, NodeUpgrades } from './node-upgrades.ts';
import { bodyTimeoutMs } from './received-request.ts';
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
  const listeners = await listenOnAll(options, (address, port) =>
    NodeListener.start(address, port, options, handlers),
  );
  return {
    name: 'node',
    port: (listeners[0] as NodeListener).port,
    renewTls: (pair) => {
      for (const listener of listeners) listener.renewTls(pair);
    },
    stopListening: () => {
      for (const listener of listeners) listener.stop();
    },
    close: () => {
      for (const listener of listeners) listener.close();
    },
  };
}

/** A server on one address. */
class NodeListener implements Listener {
  readonly port: number;
  readonly #server: NodeServer;
  readonly #connections: Connections;

  private constructor(server: NodeServer, connections: Connections) {
    this.#server = server;
    this.#connections = connections;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @throws the error of node:net, with its code, if the address cannot be listened on */
  static async start(
    address: string,
    port: number,
    options: TransportOptions,
    handlers: TransportHandlers,
  ): Promise<NodeListener> {
    const server = createNodeServer(options, (request, response) => {
      serveNodeRequest(request, response, options, handlers);
    });
    const upgrades = new NodeUpgrades(server, options, handlers);
    const connections = new Connections(server);
    server.on('upgrade', (request, socket, head) => {
      upgrades.take(request, socket as TcpSocket, head);
    });
    await listen(server, address, port);
    server.on('error', (error) => reportFault(handlers, error));
    return new NodeListener(server, connections);
  }

  renewTls(pair: TlsPair): void {
    renewNodeTls(this.#server, pair);
  }

  stop(): void {
    this.#server.close();
  }

  close(): void {
    this.#server.close();
    this.#connections.cutAll();
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
      // One whose upgrade is ignored comes again.
      if (this.#sockets.has(tcp)) return;
      this.#sockets.add(tcp);
      tcp.on('close', () => this.#sockets.delete(tcp));
    });
  }

  cutAll(): void {
    for (const tcp of this.#sockets) tcp.destroy();
  }
}

function listen(server: NodeServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Throws, and so rejects, for a port out of range.
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

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
    // A larger size in Node's own flag --max-http-header-size stands.
    maxHeaderSize: Math.max(HEAD_BYTES_MAX, maxHeaderSize),
  };
  const server =
    tls === undefined
      ? createServer(timeouts, listener)
      : createTlsServer({ ...timeouts, handshakeTimeout: headMs, ...contextOf(tls) }, listener);
  // By default the fields after the 2000th are dropped in silence. The size of a head bounds them.
  server.maxHeadersCount = 0;
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
