import { problemResponse } from '../gateway/transport/http-response.ts';
import type { HttpResponse } from '../gateway/transport/transport.ts';

/**
 * A client's error, or a temporary refusal. Thrown by handlers and answered as a problem document.
 */
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

/** The header that tells a client when to retry: after 1 s. */
export const RETRY_AFTER: Readonly<Record<string, string>> = { 'retry-after': '1' };

const CHARACTERS_MAX = 60;

/** A JSON value from a client as text for a message: always short. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return shownText(value);
  if (Array.isArray(value)) return 'an array';
  // Not serialized: it may be nested too deeply.
  if (typeof value === 'object' && value !== null) return 'an object';
  return `${value as number | boolean | null}`;
}

function shownText(text: string): string {
  if (text.length <= CHARACTERS_MAX) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, CHARACTERS_MAX))}… (${text.length} characters)`;
}

/** The problem of a symbol without any tick. */
export function unknownSymbol(symbol: string): RequestProblem {
  return new RequestProblem(404, `${shownValue(symbol)} has no price yet.`);
}
