import type { FetchImplementation } from 'jose';

/** The largest JWKS taken. */
const BYTES_MAX = 1_048_576;

/**
 * Fetches a document whole, if it is not too large: whoever answers must not fill our memory.
 *
 * @param onText is told the text of each answer; others than 200 are failures
 */
export function boundedFetch(onText: (text: string) => void): FetchImplementation {
  return async (url, options) => {
    const response = await fetch(url, options);
    if (response.status !== 200) throw new Error(`expected status 200, got ${response.status}`);
    const body: AsyncIterable<Uint8Array> | null = response.body;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > BYTES_MAX) throw new Error(`the answer is larger than ${BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    onText(text);
    return new Response(text);
  };
}
