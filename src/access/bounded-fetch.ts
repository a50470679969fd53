import type { FetchImplementation } from 'jose';

const NOTHING: readonly Uint8Array[] = [];

/** The largest JWKS taken. */
const BYTES_MAX = 1_048_576;

/**
 * Fetches a document whole, if it is not too large: whoever answers must not fill our memory.
 *
 * @param onText is told the text of each answer with status 200
 */
export function boundedFetch(onText: (text: string) => void): FetchImplementation {
  return async (url, options) => {
    const response = await fetch(url, options);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? NOTHING) {
      bytes += chunk.byteLength;
      if (bytes > BYTES_MAX) throw new Error(`the answer is larger than ${BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.status === 200) onText(text);
    return new Response(text, { status: response.status });
  };
}
