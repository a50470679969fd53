import { retryAfterMs } from './backoff.ts';
import { SIGNATURE_HEADER, sign } from './signature.ts';
import type { Target } from './target.ts';

/** What is sent. */
export interface Message {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What came of an attempt. */
export interface Outcome {
  /** `retry`: it may succeed later. `refused`: it would be refused again. */
  readonly kind: 'delivered' | 'retry' | 'refused';
  /** For people: a status, an error. Without the URL, which may be a secret. */
  readonly reason: string;
  /** The receiver's wish, ms. */
  readonly retryAfterMs?: number | undefined;
  /** The beginning of the answer, for people. */
  readonly answer?: string;
}

/** Read of an answer: no more is needed, and a receiver must not fill the memory. */
const ANSWER_BYTES_MAX = 4096;
const ANSWER_SHOWN_MAX = 200;

/** Makes one attempt. Never rejects. */
export async function post(
  { url, headers, secret }: Target,
  message: Message,
  timeoutMs: number,
): Promise<Outcome> {
  const signature =
    secret === undefined ? {} : { [SIGNATURE_HEADER]: sign(secret, message.body, Date.now()) };
  // Not AbortSignal.timeout: Node 20 may collect a signal that only fetch holds, and never abort.
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'tickwire',
        ...message.headers,
        ...headers,
        ...signature,
      },
      body: message.body,
      // Followed, it would take alerts and secrets to where nobody configured.
      redirect: 'manual',
      signal: timeout.signal,
    });
    const { status } = response;
    const answer = await beginningOf(response);
    const outcome = { reason: `status ${status}`, answer };
    if (status >= 200 && status < 300) return { kind: 'delivered', ...outcome };
    if (status < 500 && status !== 408 && status !== 429) return { kind: 'refused', ...outcome };
    const wish = retryAfterMs(response.headers.get('retry-after'), Date.now());
    return { kind: 'retry', retryAfterMs: wish, ...outcome };
  } catch (error) {
    const isLate = timeout.signal.aborted;
    const reason = isLate ? `no answer within ${timeoutMs} ms` : reasonOf(error);
    return { kind: 'retry', reason };
  } finally {
    clearTimeout(timer);
  }
}

async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  try {
    // Leaving the loop cancels the rest.
    for await (const chunk of body ?? []) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= ANSWER_BYTES_MAX) break;
    }
  } catch {
    // The status says what became of the request.
  }
  const text = Buffer.concat(chunks).toString('utf8').replaceAll(/\s+/g, ' ').trim();
  return text.slice(0, ANSWER_SHOWN_MAX);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  // fetch says "fetch failed", and why in its cause.
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
  return code ?? message;
}
