import { problemResponse } from '../transport/problem-response.ts';
import type { HttpRequest, HttpResponse } from '../transport/transport.ts';
import type { CommandRoom, QueryRoom } from './http-room.ts';

/** The HTTP API: which request goes to which command or query. */
export function createRouter(
  _commands: CommandRoom,
  _queries: QueryRoom,
): (request: HttpRequest) => HttpResponse | Promise<HttpResponse> {
  return () => problemResponse(404, 'no such resource');
}
