import type { Client } from '../gateway/sessions/client.ts';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';

/**
 * Answers the requests of one route.
 *
 * @param symbol what the path names, where it has a place for a symbol; else empty
 * @param client who asks
 * @throws RequestProblem to answer with a problem
 */
export type Handler = (
  request: HttpRequest,
  symbol: string,
  client: Client,
) => HttpResponse | Promise<HttpResponse>;
