import type { HttpResponse } from '../gateway/transport/transport.ts';

/** An answer with a JSON document. */
export function jsonResponse(status: number, document: unknown): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document),
  };
}
