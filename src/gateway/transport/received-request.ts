import type { HttpRequest, RequestHead, TransportOptions } from './transport.ts';

/** The head of a request, as read by a transport. */
export interface HeadParts {
  readonly method: string;
  /** As in the request line: the path, and the text after the first question mark. */
  readonly path: string;
  readonly queryText: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
}

/** The head of a request, copied from the native objects, so that it outlives them. */
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
  readonly isWanted: () => boolean;

  constructor(parts: HeadParts, body: Uint8Array, isWanted: () => boolean) {
    super(parts);
    this.body = body;
    this.isWanted = isWanted;
  }
}

/** Headers by lower-case name. Repeated ones are joined with commas, as HTTP allows. */
export class HeaderMap extends Map<string, string> {
  add(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === undefined ? value : `${before}, ${value}`);
  }
}

/** Collects the body of one request, up to a limit. */
export class RequestBody {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Keeps `chunk`, which must not change afterwards. Returns false beyond the limit: nothing is
   * kept from then on.
   */
  add(chunk: Uint8Array): boolean {
    this.#length += chunk.byteLength;
    if (this.#length > this.#bytesMax) {
      this.#chunks = [];
      return false;
    }
    if (chunk.byteLength > 0) this.#chunks.push(chunk);
    return true;
  }

  /** The whole body. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }
}

/** Slowest transfer of a body, bytes/ms; uWebSockets.js has the same rule. */
const BODY_BYTES_PER_MS_MIN = 16;

/**
 * Time for a body to arrive, ms: the idle time plus the transfer of the largest body at the slowest
 * rate.
 */
export function bodyTimeoutMs({ idleMs, bodyBytesMax }: TransportOptions): number {
  return idleMs + Math.ceil(bodyBytesMax / BODY_BYTES_PER_MS_MIN);
}

const MAPPED_PREFIX = '::ffff:';

/** The address in its usual form: an IPv4 address from an IPv6 socket is written as IPv4. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith(MAPPED_PREFIX) && address.includes('.')
    ? address.slice(MAPPED_PREFIX.length)
    : address;
}
