import { STATUS_CODES } from 'node:http';
import type { HttpResponse } from './transport.ts';

/**
 * An error answer as a problem document (RFC 9457).
 *
 * @param members further members of the document, such as the faults of a request
 */
export function problemResponse(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  members: Readonly<Record<string, unknown>> = {},
): HttpResponse {
  return {
    status,
    headers: {
      ...headers,
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    body: JSON.stringify({
      type: 'about:blank',
      title: STATUS_CODES[status],
      status,
      detail,
      ...members,
    }),
  };
}

/**
 * The answer where the server itself failed. It tells nothing of how: that goes to the operator.
 */
export function internalProblem(): HttpResponse {
  return problemResponse(500, 'The server failed to answer this request.');
}

/** The answer to a body over the limit. */
export function bodyTooLarge(bytesMax: number): HttpResponse {
  return problemResponse(413, `The body is larger than ${bytesMax} bytes.`);
}

/** The answer to a body that takes too long to arrive. */
export function bodyTooSlow(): HttpResponse {
  return problemResponse(408, 'The body did not arrive in time.');
}
