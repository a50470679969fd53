import { type Origins, refuseForeign } from '../gateway/sessions/origins.ts';
import type { SecurityEvents } from '../gateway/sessions/security-events.ts';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import { varyOn } from './negotiation.ts';

type Answer = (request: HttpRequest) => Promise<HttpResponse>;

/** Time for which browsers may cache the answer to a preflight, s. */
const PREFLIGHT_SECONDS = 600;

const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
  'access-control-max-age': String(PREFLIGHT_SECONDS),
  'cache-control': 'no-store',
};

/** A header's name. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/**
 * The headers that a page may send: all that it asks for, such as those of tracing. `*` would not
 * cover `authorization`.
 */
function allowedHeaders(request: HttpRequest): string {
  const asked = request.header('access-control-request-headers') ?? '';
  const names = asked.split(',').map((name) => name.trim());
  return names.filter((name) => NAME.test(name)).join(', ');
}

/** Methods that foreign pages may use: browsers hide the answers from them. */
const HARMLESS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Lets pages of allowed origins read answers (CORS) and keeps others from changing anything. The
 * browser's own credentials are never involved: a page sets its token in a header itself.
 */
export function answerOrigins(origins: Origins, security: SecurityEvents, answer: Answer): Answer {
  return async (request) => {
    const kind = origins.kindOf(request);
    if (isPreflight(request)) {
      if (kind === 'foreign') return refuseForeign(security, request);
      const headers = {
        ...PREFLIGHT_HEADERS,
        'access-control-allow-headers': allowedHeaders(request),
      };
      return allow(request, { status: 204, headers, body: '' });
    }
    if (kind === 'foreign' && !HARMLESS.has(request.method))
      return refuseForeign(security, request);
    const response = await answer(request);
    if (kind === 'allowed') return allow(request, response);
    return origins.isListed ? varying(response) : response;
  };
}

function isPreflight(request: HttpRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.header('origin') !== undefined &&
    request.header('access-control-request-method') !== undefined
  );
}

function allow(request: HttpRequest, response: HttpResponse): HttpResponse {
  const { headers } = response;
  // An answer open to any origin stays open.
  const origin = headers['access-control-allow-origin'] ?? request.header('origin') ?? '';
  const allowed = { ...headers, 'access-control-allow-origin': origin };
  return varying({ ...response, headers: allowed });
}

function varying(response: HttpResponse): HttpResponse {
  return { ...response, headers: varyOn(response.headers, 'Origin') };
}
