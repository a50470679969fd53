import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type RemoteJWKSet,
} from 'jose';
import { type AccessLog, KeyFileError, UncheckedTokenError } from './errors.ts';
import { type KeySource, PUBLIC_KEY_ALGORITHMS, type TokenHeader } from './key-source.ts';

/** When keys are fetched, in ms. */
export interface FetchTiming {
  readonly timeoutMs: number;
  /** From a fetch to the next that an unknown `kid` may cause. */
  readonly cooldownMs: number;
  /** From a failed fetch to the next. */
  readonly retryMs: number;
  /** Older keys are fetched again, but stay in use meanwhile. */
  readonly freshMs: number;
}

const FETCH_TIMING: FetchTiming = {
  timeoutMs: 5_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
  freshMs: 600_000,
};

/** Keys tried for a token without `kid`. */
const CANDIDATES_MAX = 16;

/** The largest JWKS accepted. */
const BYTES_MAX = 1_048_576;

/**
 * The public keys that an issuer serves at a URL.
 *
 * An unknown `kid` causes another fetch, within limits, so that issuers may rotate keys any time.
 * While the URL is down, known keys stay in use, and tokens of unknown keys are unchecked rather
 * than refused: they may be valid.
 */
export class RemoteKeys implements KeySource {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS;
  version = 0;
  readonly #remote: RemoteJWKSet;
  readonly #timing: FetchTiming;
  readonly #log: AccessLog;
  /** For logs, without the query, which may hold a secret. */
  readonly #place: string;
  #fetchedText = '';
  #text = '';
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #nextFetchAt = Number.NEGATIVE_INFINITY;
  #pending: Promise<boolean> | undefined;
  #failure = '';

  constructor(url: string, log: AccessLog, timing = FETCH_TIMING) {
    const { origin, pathname } = new URL(url);
    this.#place = origin + pathname;
    this.#timing = timing;
    this.#log = log;
    this.#remote = createRemoteJWKSet(new URL(url), {
      timeoutDuration: timing.timeoutMs,
      // Fetched only from here: jose would fetch for every token while the URL is down.
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: boundedFetch((text) => {
        this.#fetchedText = text;
      }),
    });
  }

  /** Starts the first fetch; a failure is logged. */
  start(): void {
    void this.#refresh();
  }

  async keysFor(header: TokenHeader): Promise<readonly CryptoKey[]> {
    if (this.version === 0) {
      await this.#refresh();
      if (this.version === 0) throw unavailable();
    } else if (performance.now() > this.#fetchedAt + this.#timing.freshMs) {
      void this.#refresh();
    }
    const known = await this.#matching(header);
    if (known.length > 0) return known;
    await this.#refresh();
    const keys = await this.#matching(header);
    // The fetch failed: its key may exist.
    if (keys.length === 0 && this.#failure !== '') throw unavailable();
    return keys;
  }

  async reload(): Promise<void> {
    // A fetch under way may have asked before the keys changed.
    await this.#pending;
    this.#nextFetchAt = Number.NEGATIVE_INFINITY;
    if (!(await this.#refresh())) {
      throw new KeyFileError(`auth.jwksUrl: cannot fetch ${this.#place}: ${this.#failure}`);
    }
  }

  /** Fetches or joins the pending fetch, unless it is too early. Returns whether it succeeded. */
  #refresh(): Promise<boolean> {
    if (this.#pending === undefined && performance.now() < this.#nextFetchAt) {
      return Promise.resolve(false);
    }
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetch(): Promise<boolean> {
    try {
      await this.#remote.reload();
    } catch (error) {
      this.#failure = reasonOf(error);
      this.#nextFetchAt = performance.now() + this.#timing.retryMs;
      const outcome =
        this.version === 0 ? 'signed tokens cannot be verified' : 'the old keys stay in use';
      this.#log.warn(
        { url: this.#place, reason: this.#failure },
        `auth.jwksUrl: cannot fetch the token keys: ${outcome}`,
      );
      return false;
    }
    this.#failure = '';
    this.#fetchedAt = performance.now();
    this.#nextFetchAt = this.#fetchedAt + this.#timing.cooldownMs;
    if (this.#text !== this.#fetchedText) {
      this.#text = this.#fetchedText;
      this.version += 1;
      this.#log.info({ url: this.#place }, 'auth.jwksUrl: fetched the token keys');
    }
    return true;
  }

  async #matching({ alg, kid }: TokenHeader): Promise<readonly CryptoKey[]> {
    try {
      return [await this.#remote(kid === undefined ? { alg } : { alg, kid })];
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return [];
      const keys: CryptoKey[] = [];
      for await (const key of error) {
        if (keys.push(key) === CANDIDATES_MAX) break;
      }
      return keys;
    }
  }
}

function unavailable(): UncheckedTokenError {
  return new UncheckedTokenError('the keys that verify tokens are unavailable, try again later');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code ?? error.message;
}

/**
 * A `fetch` that bounds the size of the body, so that the issuer cannot exhaust our memory.
 *
 * @param onText receives the body of every answer with status 200; others are failures
 */
function boundedFetch(onText: (text: string) => void): FetchImplementation {
  return async (url, options) => {
    const response = await fetch(url, options);
    if (response.status !== 200) throw new Error(`expected status 200, got ${response.status}`);
    const body: AsyncIterable<Uint8Array> | null = response.body;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > BYTES_MAX) throw new Error(`the body is larger than ${BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    onText(text);
    return new Response(text);
  };
}
