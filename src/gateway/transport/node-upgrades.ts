import type { IncomingMessage, Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket as TcpSocket } from 'node:net';
import { type ServerOptions, WebSocketServer } from 'ws';
import { guardUpgrade, reportFault } from './guarded-answers.ts';
import { CLOSE_TIMEOUT_MS } from './handler-calls.ts';
import { readNodeHead, refuseNodeUpgrade } from './node-http.ts';
import { NodeSocket } from './node-socket.ts';
import { ReceivedHead } from './received-request.ts';
import type { TransportHandlers, TransportOptions } from './transport.ts';

export type NodeServer = Server | TlsServer;

/** Handles connections that ask for an upgrade. */
export class NodeUpgrades {
  readonly #http: NodeServer;
  readonly #options: TransportOptions;
  readonly #handlers: TransportHandlers;
  readonly #server: WebSocketServer;
  /** The subprotocol of the current upgrade; upgrades are handled synchronously, one at a time. */
  #subprotocol = '';

  constructor(http: NodeServer, options: TransportOptions, handlers: TransportHandlers) {
    this.#http = http;
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
      this.#ignore(request, tcp, head);
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

  /**
   * Serves a request as if it offered no upgrade, which HTTP allows. node:http has stopped reading
   * before its body, so its connection starts anew, with the same head less that offer.
   */
  #ignore(request: IncomingMessage, tcp: TcpSocket, rest: Buffer): void {
    tcp.unshift(Buffer.concat([headWithoutUpgrade(request), rest]));
    this.#http.emit(this.#http instanceof TlsServer ? 'secureConnection' : 'connection', tcp);
  }
}

function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    request.headers.upgrade?.toLowerCase() === 'websocket' &&
    request.headers['sec-websocket-key'] !== undefined
  );
}

function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.toLowerCase() !== 'upgrade') head += `${name}: ${rawHeaders[i + 1]}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
