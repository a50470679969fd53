import { problemResponse } from '../gateway/transport/http-response.ts';
import type { HttpResponse } from '../gateway/transport/transport.ts';

/** What a client did wrong, or cannot have now: thrown by handlers, and answered as a problem. */
export class RequestProblem extends Error {
  override readonly name = 'RequestProblem';
  readonly response: HttpResponse;

  /**
   * @param members further members of the problem document
   * @param headers of the answer
   */
  constructor(
    status: number,
    detail: string,
    members: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.response = problemResponse(status, detail, headers, members);
  }
}

/** When a client that was told to come back may do so, s: as a header. */
export const RETRY_AFTER: Readonly<Record<string, string>> = { 'retry-after': '1' };
