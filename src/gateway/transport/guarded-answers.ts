import { validateHeaderName, validateHeaderValue } from 'node:http';
import { internalProblem, problemResponse } from './http-response.ts';
import type {
  HttpRequest,
  HttpResponse,
  RequestHead,
  TransportHandlers,
  UpgradeDecision,
} from './transport.ts';

/** Reports a fault to the gateway. Never throws: a throw would end the process. */
export function reportFault(handlers: TransportHandlers, error: unknown): void {
  try {
    handlers.fault(error);
  } catch (second) {
    process.emitWarning(`The fault handler failed: ${String(second)}; on: ${String(error)}`);
  }
}

/**
 * Lets the gateway answer a request. Calls `respond` once, now or later, with an answer that can be
 * written: a throw, a rejection or an invalid answer becomes a 500 and a fault.
 */
export function answerRequest(
  handlers: TransportHandlers,
  request: HttpRequest,
  respond: (response: HttpResponse) => void,
): void {
  const succeed = (response: HttpResponse) => {
    assertWritable(response);
    respond(response);
  };
  const fail = (error: unknown) => {
    reportFault(handlers, error);
    respond(internalProblem());
  };
  try {
    const answer = handlers.request(request);
    if (answer instanceof Promise) answer.then(succeed).catch(fail);
    else succeed(answer);
  } catch (error) {
    fail(error);
  }
}

/** Lets the gateway decide on an upgrade. An invalid handshake is refused without asking it. */
export function guardUpgrade(handlers: TransportHandlers, head: RequestHead): UpgradeDecision {
  const fault = validateHandshake(head);
  if (fault !== undefined) return { accept: false, response: fault };
  try {
    const decision = handlers.upgrade(head);
    if (!decision.accept) assertWritable(decision.response);
    return decision;
  } catch (error) {
    reportFault(handlers, error);
    return { accept: false, response: internalProblem() };
  }
}

const KEY = /^[+/0-9A-Za-z]{22}==$/;

function validateHandshake(head: RequestHead): HttpResponse | undefined {
  if (!KEY.test(head.header('sec-websocket-key') ?? '')) {
    return problemResponse(400, 'Sec-WebSocket-Key must be 16 bytes in base64.');
  }
  if (head.header('sec-websocket-version') !== '13') {
    return problemResponse(426, 'Sec-WebSocket-Version must be 13.', {
      'sec-websocket-version': '13',
    });
  }
  return undefined;
}

function assertWritable(response: HttpResponse): void {
  const { status, headers, body } = response;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`An answer's status must be 200 to 599, not ${status}`);
  }
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new TypeError("An answer's body must be text or bytes");
  }
  for (const name of Object.keys(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, headers[name] as string);
  }
}

/** Whether an answer is sent without its body. */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
