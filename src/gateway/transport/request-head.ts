import type { HttpRequest, RequestHead } from './transport.ts';

/** What a transport reads off the wire of one request. */
export interface HeadParts {
  readonly method: string;
  /** As in the request line: path, and what follows the first question mark. */
  readonly path: string;
  readonly queryText: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
}

/** The head of a request, detached from the native objects it came in, so that it outlives them. */
export class ReceivedHead implements RequestHead {
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly #queryText: string;
  readonly #headers: ReadonlyMap<string, string>;
  #query: URLSearchParams | undefined;

  constructor(parts: HeadParts) {
    this.method = parts.method;
    this.path = parts.path;
    this.remoteAddress = parts.remoteAddress;
    this.#queryText = parts.queryText;
    this.#headers = parts.headers;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#queryText);
    return this.#query;
  }

  header(name: string): string | undefined {
    return this.#headers.get(name);
  }
}

/** A request whose body is complete. */
export class ReceivedRequest extends ReceivedHead implements HttpRequest {
  readonly body: Uint8Array;

  constructor(parts: HeadParts, body: Uint8Array) {
    super(parts);
    this.body = body;
  }
}

/** Headers by lower-case name. One that is repeated is joined with commas, as HTTP allows. */
export class HeaderMap extends Map<string, string> {
  add(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === undefined ? value : `${before}, ${value}`);
  }
}
