import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import { acceptsGzip, varyOn } from './negotiation.ts';

const compress = promisify(gzip);

/** A smaller body fits into two packets as it is. */
const BYTES_MIN = 2048;
/** A page of 1000 symbols shrinks to a quarter, in about half the time of the default level. */
const LEVEL = 3;

const COMPRESSIBLE = /^(?:text\/(?!event-stream)|application\/(?:[\w.-]+\+)?json)/;

/**
 * Compresses large answers, on a thread of Node's pool and one at a time: all of them together cost
 * at most one processor, which the workers need too. While one is at work, others leave as they
 * are.
 */
export class Compressor {
  #isBusy = false;

  async shrink(request: HttpRequest, response: HttpResponse): Promise<HttpResponse> {
    const { body, headers } = response;
    if (body.length < BYTES_MIN || !isCompressible(headers)) return response;
    const varied = { ...response, headers: varyOn(headers, 'Accept-Encoding') };
    if (this.#isBusy || !acceptsGzip(request.header('accept-encoding'))) return varied;
    this.#isBusy = true;
    try {
      const compressed = await compress(body, { level: LEVEL });
      const encoded = { ...varied.headers, 'content-encoding': 'gzip' };
      return { ...varied, headers: encoded, body: compressed };
    } finally {
      this.#isBusy = false;
    }
  }
}

function isCompressible(headers: HttpResponse['headers']): boolean {
  return (
    headers['content-encoding'] === undefined && COMPRESSIBLE.test(headers['content-type'] ?? '')
  );
}
