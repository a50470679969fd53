import { STATUS_CODES } from 'node:http';
import { SocketAddress } from 'node:net';
import { answerRequest, isBodiless } from './guarded-answers.ts';
import { bodyTooLarge } from './problem-response.ts';
import { plainAddress } from './remote-address.ts';
import { RequestBody } from './request-body.ts';
import type { HeadParts } from './request-head.ts';
import { HeaderMap, ReceivedRequest } from './request-head.ts';
import type { HttpResponse, TransportHandlers } from './transport.ts';
import type { UwsRequest, UwsResponse } from './uws-api.ts';

/** Copies a request's head: uWebSockets.js takes the original back when its callback returns. */
export function readUwsHead(response: UwsResponse, request: UwsRequest): HeadParts {
  const headers = new HeaderMap();
  request.forEach((name, value) => {
    headers.add(name, value);
  });
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    queryText: request.getQuery() ?? '',
    headers,
    remoteAddress: addressText(response.getRemoteAddressAsText()),
  };
}

/** uWebSockets.js writes out every digit of an IPv6 address; this is the usual, short form. */
function addressText(text: ArrayBuffer): string {
  const address = Buffer.from(text).toString();
  if (!address.includes(':')) return address;
  return plainAddress(new SocketAddress({ family: 'ipv6', address }).address);
}

/**
 * Serves one HTTP request: its body, the gateway's answer, and the peer that goes away meanwhile.
 */
export function serveUwsRequest(
  response: UwsResponse,
  request: UwsRequest,
  bodyBytesMax: number,
  handlers: TransportHandlers,
): void {
  const parts = readUwsHead(response, request);
  if (isOfUncertainLength(parts)) {
    // Without an answer, as for what uWebSockets.js itself refuses: what follows would still be read after one.
    response.close();
    return;
  }
  const body = new RequestBody(bodyBytesMax);
  // Answered, or the peer is gone: the response may not be touched any more.
  let done = false;
  response.onAborted(() => {
    done = true;
  });
  const respond = (answer: HttpResponse) => {
    if (done) return;
    done = true;
    response.cork(() => writeUwsResponse(response, parts.method, answer));
  };
  response.onData((chunk, isLast) => {
    if (done) return;
    // The chunk is taken back on return.
    if (!body.add(new Uint8Array(chunk.slice(0)))) respond(bodyTooLarge(bodyBytesMax));
    else if (isLast) answerRequest(handlers, new ReceivedRequest(parts, body.bytes()), respond);
  });
}

/**
 * Whether two servers may see its end in different places, so that what one takes for its body is a request to the
 * other. uWebSockets.js refuses most of these, but takes the first of several lengths and any other encoding for chunks.
 */
function isOfUncertainLength({ headers }: HeadParts): boolean {
  const encoding = headers.get('transfer-encoding') ?? 'chunked';
  const isOneLength = headers.get('content-length')?.includes(',') !== true;
  return !isOneLength || encoding.toLowerCase() !== 'chunked';
}

/** Writes an answer to a request that ends its connection: a refused upgrade. */
export function refuseUwsUpgrade(response: UwsResponse, answer: HttpResponse): void {
  response.cork(() => {
    writeHead(response, answer);
    response.end(answer.body, true);
  });
}

function writeUwsResponse(response: UwsResponse, method: string, answer: HttpResponse): void {
  writeHead(response, answer);
  if (!isBodiless(method, answer.status)) {
    response.end(answer.body);
    return;
  }
  // Its own argument for the length would leave the response pending, and the next request would
  // end the connection.
  if (method === 'HEAD') {
    response.writeHeader('content-length', String(Buffer.byteLength(answer.body)));
  }
  response.endWithoutBody();
}

function writeHead(response: UwsResponse, answer: HttpResponse): void {
  response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ''}`);
  for (const name of Object.keys(answer.headers)) {
    response.writeHeader(name, answer.headers[name] as string);
  }
}
