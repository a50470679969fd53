import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import { RequestProblem } from './problems.ts';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON value in the body of a request.
 *
 * @param depthMax nesting of arrays and objects: `limits.jsonDepthMax`
 * @throws RequestProblem 415 for another type of content, 400 for invalid JSON or UTF-8, or deeper
 *   nesting
 */
export function readJsonBody(request: HttpRequest, depthMax: number): unknown {
  const type = request.header('content-type') ?? '';
  if (type !== '' && !JSON_TYPE.test(type)) {
    throw new RequestProblem(415, 'Content-Type: expected application/json.');
  }
  const encoding = request.header('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new RequestProblem(415, 'Content-Encoding: expected none.');
  }
  if (request.body.length === 0) throw new RequestProblem(400, 'The body is empty: expected JSON.');
  if (isDeeperThan(request.body, depthMax)) {
    const detail = `The body is nested deeper than ${depthMax} levels (limits.jsonDepthMax).`;
    throw new RequestProblem(400, detail);
  }
  return parse(decode(request.body));
}

function decode(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new RequestProblem(400, 'The body is not UTF-8.');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the body and varies with the version of Node.
    throw new RequestProblem(400, 'The body is not valid JSON.');
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The one bit in which `[` differs from `{`, and `]` from `}`. */
const ONE_OF_BOTH = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Whether arrays and objects in JSON text are nested deeper than `depthMax`, in one pass. For text
 * that is not JSON, either answer is possible.
 */
export function isDeeperThan(json: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if ((byte | ONE_OF_BOTH) === OPENING) {
      depth++;
      if (depth > depthMax) return true;
    } else if ((byte | ONE_OF_BOTH) === CLOSING) {
      depth--;
    }
  }
  return false;
}

/** An answer with a JSON document. */
export function jsonResponse(status: number, document: unknown): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document),
  };
}
