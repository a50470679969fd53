import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpRequest, HttpResponse } from '../../gateway/transport/transport.ts';
import { acceptsGzip, matchesTag } from './conditions.ts';

const compress = promisify(gzip);

/** A file held in memory, and, once somebody has asked for it, its compressed copy. */
export class Asset {
  readonly #content: Uint8Array;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #hash: string;
  #compressed: Promise<Uint8Array> | undefined;

  /** @param headers of the answer, beside those of caching and coding */
  constructor(content: Uint8Array, headers: Readonly<Record<string, string>>) {
    this.#content = content;
    this.#headers = headers;
    this.#hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  }

  /** The answer to a GET: nothing but 304 for a client that has these bytes already. */
  async respond(request: HttpRequest): Promise<HttpResponse> {
    const isCompressed = acceptsGzip(request.header('accept-encoding'));
    // Each form has a tag of its own: a strong one stands for the very bytes.
    const etag = isCompressed ? `"${this.#hash}-gzip"` : `"${this.#hash}"`;
    const caching = { 'cache-control': 'no-cache', vary: 'Accept-Encoding', etag };
    const headers = { ...this.#headers, ...caching };
    if (matchesTag(request.header('if-none-match'), etag))
      return { status: 304, headers, body: '' };
    if (!isCompressed) return { status: 200, headers, body: this.#content };
    this.#compressed ??= compress(this.#content);
    const body = await this.#compressed;
    return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body };
  }
}
