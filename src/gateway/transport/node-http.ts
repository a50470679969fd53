import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { answerRequest, isBodiless, reportFault } from './guarded-answers.ts';
import { bodyTooLarge } from './http-response.ts';
import { plainBytes } from './node-socket.ts';
import { NodeStream } from './node-stream.ts';
import {
  HeaderMap,
  type HeadParts,
  plainAddress,
  ReceivedRequest,
  RequestBody,
} from './received-request.ts';
import type { HttpResponse, TransportHandlers, TransportOptions } from './transport.ts';

export function readNodeHead(request: IncomingMessage): HeadParts {
  const headers = readHeaders(request.rawHeaders);
  let target = request.url ?? '/';
  const url = ABSOLUTE.exec(target);
  if (url !== null) {
    // RFC 9112, 3.2.2: its host stands for the header.
    headers.set('host', url[1] as string);
    target = url[2]?.startsWith('/') ? url[2] : `/${url[2]}`;
  }
  const mark = target.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    queryText: mark < 0 ? '' : target.slice(mark + 1),
    headers,
    remoteAddress: plainAddress(request.socket.remoteAddress),
  };
}

/** A request target in absolute form, as proxies get it: the host, and what follows. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

/** From the raw list, so that repeated headers read the same as on the other transport. */
function readHeaders(raw: readonly string[]): HeaderMap {
  const headers = new HeaderMap();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.add((raw[i] as string).toLowerCase(), raw[i + 1] as string);
  }
  return headers;
}

/**
 * Serves one HTTP request: reads its body, writes the gateway's answer, and handles a peer that
 * disconnects meanwhile.
 */
export function serveNodeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { bodyBytesMax, headers }: TransportOptions,
  handlers: TransportHandlers,
): void {
  const parts = readNodeHead(request);
  const body = new RequestBody(bodyBytesMax);
  let done = false;
  const respond = (answer: HttpResponse) => {
    if (done) return;
    done = true;
    const { stream } = answer;
    if (stream === undefined || isBodiless(parts.method, answer.status)) {
      writeNodeResponse(response, parts.method, answer, headers);
      return;
    }
    response.writeHead(answer.status, { ...headers, ...answer.headers });
    response.flushHeaders();
    const fault = (error: unknown) => reportFault(handlers, error);
    new NodeStream(response, parts.remoteAddress, fault).open(stream);
  };
  // A peer that disconnects is not a fault: writes to it are discarded.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  response.on('close', () => {
    done = true;
  });
  request.on('data', (chunk: Buffer) => {
    // The rest of a body that is too large is discarded, so that the peer gets to read the answer.
    if (!done && !body.add(plainBytes(chunk))) respond(bodyTooLarge(bodyBytesMax));
  });
  request.on('end', () => {
    if (done) return;
    const received = new ReceivedRequest(parts, body.bytes(), () => !done);
    answerRequest(handlers, received, respond);
  });
}

/** @param common headers of every answer that does not set them itself */
function writeNodeResponse(
  response: ServerResponse,
  method: string,
  answer: HttpResponse,
  common: HttpResponse['headers'],
): void {
  const length = Buffer.byteLength(answer.body);
  const bodiless = isBodiless(method, answer.status);
  const headers: Record<string, string | number> = { ...common, ...answer.headers };
  if (!bodiless || method === 'HEAD') headers['content-length'] = length;
  response.writeHead(answer.status, headers);
  if (bodiless) response.end();
  else response.end(answer.body);
}

/**
 * A response to a request that node:http handed over with its socket because it asked for an
 * upgrade. Ends the connection.
 */
function responseOnSocket(request: IncomingMessage, tcp: TcpSocket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(tcp);
  tcp.on('error', () => undefined);
  response.on('finish', () => tcp.destroySoon());
  return response;
}

/** Writes an answer to a request that ends its connection: a refused upgrade. */
export function refuseNodeUpgrade(
  request: IncomingMessage,
  tcp: TcpSocket,
  answer: HttpResponse,
  common: HttpResponse['headers'],
): void {
  writeNodeResponse(responseOnSocket(request, tcp), request.method ?? 'GET', answer, common);
}
