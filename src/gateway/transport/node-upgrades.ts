import type { IncomingMessage, Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket as TcpSocket } from 'node:net';
import { type ServerOptions, WebSocketServer } from 'ws';
import { guardUpgrade, reportFault } from './guarded-answers.ts';
import { CLOSE_TIMEOUT_MS } from './handler-calls.ts';
import { readNodeHead, refuseNodeUpgrade } from './node-http.ts';
import { NodeSocket } from './node-socket.ts';
import { bodyTimeoutMs, ReceivedHead } from './received-request.ts';
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
   * behind its head (from Node 26 on, behind its body), so its connection starts anew, with the
   * same request less that offer.
   */
  #ignore(request: IncomingMessage, tcp: TcpSocket, rest: Buffer): void {
    const serve = (head: Buffer, body: Uint8Array) => {
      tcp.unshift(Buffer.concat([head, body, rest]));
      this.#http.emit(this.#http instanceof TlsServer ? 'secureConnection' : 'connection', tcp);
    };
    if (request.complete) {
      serve(headWithoutUpgrade(request), new Uint8Array());
      return;
    }
    // What is beyond the limit is not kept but for a byte, which has the request refused.
    const limit = this.#options.bodyBytesMax + 1;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => tcp.destroy(), bodyTimeoutMs(this.#options));
    const stopTimer = () => clearTimeout(timer);
    tcp.once('close', stopTimer);
    request.on('error', () => tcp.destroy());
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk.subarray(0, limit - bytes));
      bytes = Math.min(limit, bytes + chunk.length);
    });
    request.on('end', () => {
      stopTimer();
      tcp.off('close', stopTimer);
      serve(headWithoutUpgrade(request, bytes), Buffer.concat(chunks));
    });
  }
}

function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    request.headers.upgrade?.toLowerCase() === 'websocket' &&
    request.headers['sec-websocket-key'] !== undefined
  );
}

const OF_LENGTH: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/** @param bodyBytes of the body that follows; undefined: as the head says */
function headWithoutUpgrade(request: IncomingMessage, bodyBytes?: number): Buffer {
  const { httpVersion, method, rawHeaders, url } = request;
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (name === 'upgrade' || (bodyBytes !== undefined && OF_LENGTH.has(name))) continue;
    head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  if (bodyBytes !== undefined) head += `content-length: ${bodyBytes}\r\n`;
  return Buffer.from(`${head}\r\n`, 'latin1');
}
