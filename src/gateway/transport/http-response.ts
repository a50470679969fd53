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

/** The answer to a failure of the server. Tells no details: they go to the operator. */
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

/** For answers that are not pages: nothing in them may run, load or be framed. */
const NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Time for which browsers insist on TLS for this host, s: a year. */
const STRICT_TRANSPORT_SECONDS = 31_536_000;

/**
 * Headers of every HTTP answer, including refused upgrades and malformed requests, unless the
 * answer has its own: pages have their own policy, and the SDK is for pages of any origin.
 *
 * @param isTls whether this server itself terminates TLS; otherwise a proxy adds the rest
 */
export function securityHeaders(isTls: boolean): Readonly<Record<string, string>> {
  const headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'content-security-policy': NO_PAGE_POLICY,
  };
  if (!isTls) return headers;
  return { ...headers, 'strict-transport-security': `max-age=${STRICT_TRANSPORT_SECONDS}` };
}
