import { STATUS_CODES } from 'node:http';
import { SocketAddress } from 'node:net';
import { answerRequest, isBodiless, reportFault } from './guarded-answers.ts';
import { bodyTooLarge, bodyTooSlow } from './http-response.ts';
import {
  bodyTimeoutMs,
  HeaderMap,
  type HeadParts,
  plainAddress,
  ReceivedRequest,
  RequestBody,
} from './received-request.ts';
import type { HttpResponse, TransportHandlers, TransportOptions } from './transport.ts';
import type { UwsRequest, UwsResponse } from './uws-api.ts';
import { UwsStream } from './uws-stream.ts';

/** Copies a request's head: the original is invalid once the callback of uWebSockets.js returns. */
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

/** Converts the full IPv6 form of uWebSockets.js to the usual short one. */
function addressText(text: ArrayBuffer): string {
  const address = Buffer.from(text).toString();
  if (!address.includes(':')) return address;
  return plainAddress(new SocketAddress({ family: 'ipv6', address }).address);
}

/**
 * Time during which a body over the limit is still read, ms, so that its sender gets to read the
 * answer.
 */
const TOO_LARGE_READ_MS = 2000;

/**
 * Serves one HTTP request: reads its body, writes the gateway's answer, and handles a peer that
 * disconnects meanwhile.
 */
export function serveUwsRequest(
  response: UwsResponse,
  request: UwsRequest,
  options: TransportOptions,
  handlers: TransportHandlers,
): void {
  const parts = readUwsHead(response, request);
  if (isOfUncertainLength(parts)) {
    // Not answered, as uWebSockets.js itself does: it would read on after an answer.
    response.close();
    return;
  }
  const answering = new Answering(response, parts, options.headers, (error) =>
    reportFault(handlers, error),
  );
  const { bodyBytesMax } = options;
  const body = new RequestBody(bodyBytesMax);
  let isTooLarge = false;
  let isStarted = false;
  response.onData((chunk, isLast) => {
    if (answering.isDone) return;
    // The chunk is invalid after this callback.
    if (!isTooLarge && !body.add(new Uint8Array(chunk.slice(0)))) {
      isTooLarge = true;
      // Not answered at once: the peer might then send for ever, since nothing ends an answered
      // connection.
      answering.respondAfter(TOO_LARGE_READ_MS, () => bodyTooLarge(bodyBytesMax));
    } else if (!isStarted && !isLast) {
      answering.respondAfter(bodyTimeoutMs(options), bodyTooSlow);
    }
    isStarted = true;
    if (!isLast) return;
    answering.waitForGateway();
    if (isTooLarge) answering.respond(bodyTooLarge(bodyBytesMax));
    else {
      const received = new ReceivedRequest(parts, body.bytes(), () => !answering.isDone);
      answerRequest(handlers, received, (answer) => answering.respond(answer));
    }
  });
}

/** The single answer to a request, unless the peer disconnects before. */
class Answering {
  /** Whether it is answered or the peer is gone: the response must not be used any more. */
  isDone = false;
  readonly #response: UwsResponse;
  readonly #head: HeadParts;
  readonly #headers: Headers;
  readonly #fault: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #stream: UwsStream | undefined;

  constructor(
    response: UwsResponse,
    head: HeadParts,
    headers: Headers,
    fault: (error: unknown) => void,
  ) {
    this.#response = response;
    this.#head = head;
    this.#headers = headers;
    this.#fault = fault;
    response.onAborted(() => {
      this.isDone = true;
      clearTimeout(this.#timer);
      this.#stream?.aborted();
    });
  }

  respond(answer: HttpResponse): void {
    const { method, remoteAddress } = this.#head;
    const { stream } = answer;
    if (stream === undefined || isBodiless(method, answer.status)) {
      this.#write(() => writeUwsResponse(this.#response, method, answer, this.#headers));
    } else if (!this.isDone) {
      this.#write(() => writeHead(this.#response, answer, this.#headers));
      this.#stream = new UwsStream(this.#response, remoteAddress, this.#fault);
      this.#stream.open(stream);
    }
  }

  /** Answers and ends the connection after a delay. Replaces an earlier call. */
  respondAfter(ms: number, answer: () => HttpResponse): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#write(() => writeAndClose(this.#response, answer(), this.#headers));
    }, ms);
  }

  /** The request is complete: the gateway has unlimited time to answer. */
  waitForGateway(): void {
    clearTimeout(this.#timer);
  }

  #write(write: () => void): void {
    if (this.isDone) return;
    this.isDone = true;
    clearTimeout(this.#timer);
    this.#response.cork(write);
  }
}

/**
 * Whether two servers could disagree on where the request ends (request smuggling). uWebSockets.js
 * refuses most such requests, but takes the first of several lengths, and treats any other encoding
 * as chunked.
 */
function isOfUncertainLength({ headers }: HeadParts): boolean {
  const encoding = headers.get('transfer-encoding') ?? 'chunked';
  const isOneLength = headers.get('content-length')?.includes(',') !== true;
  return !isOneLength || encoding.toLowerCase() !== 'chunked';
}

/** Writes an answer to a request that ends its connection: a refused upgrade. */
export function refuseUwsUpgrade(
  response: UwsResponse,
  answer: HttpResponse,
  headers: Headers,
): void {
  response.cork(() => writeAndClose(response, answer, headers));
}

function writeAndClose(response: UwsResponse, answer: HttpResponse, headers: Headers): void {
  writeHead(response, answer, headers);
  response.end(answer.body, true);
}

function writeUwsResponse(
  response: UwsResponse,
  method: string,
  answer: HttpResponse,
  headers: Headers,
): void {
  writeHead(response, answer, headers);
  if (!isBodiless(method, answer.status)) {
    response.end(answer.body);
    return;
  }
  // uWebSockets.js's own length argument would leave the response pending, and the next request
  // would end the connection.
  if (method === 'HEAD') {
    response.writeHeader('content-length', String(Buffer.byteLength(answer.body)));
  }
  response.endWithoutBody();
}

type Headers = HttpResponse['headers'];

/** @param headers of every answer that does not set them itself */
function writeHead(response: UwsResponse, answer: HttpResponse, headers: Headers): void {
  response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ''}`);
  for (const name of Object.keys(headers)) {
    if (answer.headers[name] === undefined) response.writeHeader(name, headers[name] as string);
  }
  for (const name of Object.keys(answer.headers)) {
    response.writeHeader(name, answer.headers[name] as string);
  }
}
