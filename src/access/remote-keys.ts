import { type CryptoKey, createRemoteJWKSet, customFetch, errors, type RemoteJWKSet } from 'jose';
import type { AccessLog } from './access-log.ts';
import { UncheckedTokenError } from './authenticator.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { KeyFileError } from './key-file-error.ts';
import { type KeySource, PUBLIC_KEY_ALGORITHMS } from './key-source.ts';
import type { TokenHeader } from './token-header.ts';

/** When keys are fetched, ms. */
export interface RemoteKeysPace {
  /** The longest fetch. */
  readonly timeoutMs: number;
  /** Between a fetch and the next that an unknown `kid` may cause. */
  readonly cooldownMs: number;
  /** Between a fetch that failed and the next. */
  readonly retryMs: number;
  /** Keys older than this are fetched anew, while they stay in use. */
  readonly freshMs: number;
}

const REMOTE_KEYS_PACE: RemoteKeysPace = {
  timeoutMs: 5_000,
  cooldownMs: 30_000,
  retryMs: 5_000,
  freshMs: 600_000,
};

/** Keys that are tried for a token that names none. */
const CANDIDATES_MAX = 16;

function cannotBeHad(): UncheckedTokenError {
  return new UncheckedTokenError('the keys that verify tokens cannot be had now, try again later');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code ?? error.message;
}

/**
 * The public keys that an issuer serves at a URL.
 *
 * A `kid` that is not known makes it look again, not too often, so that issuers may change keys at
 * any time. While the URL does not answer, the keys it had stay in use, and tokens of others cannot be
 * checked: it is not known that they are bad.
 */
export class RemoteKeys implements KeySource {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS;
  version = 0;
  readonly #remote: RemoteJWKSet;
  readonly #pace: RemoteKeysPace;
  readonly #log: AccessLog;
  /** For logs: a query may hold a secret. */
  readonly #place: string;
  #fetchedText = '';
  #text = '';
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #nextFetchAt = Number.NEGATIVE_INFINITY;
  #pending: Promise<boolean> | undefined;
  #failure = '';

  constructor(url: string, log: AccessLog, pace = REMOTE_KEYS_PACE) {
    const { origin, pathname } = new URL(url);
    this.#place = origin + pathname;
    this.#pace = pace;
    this.#log = log;
    this.#remote = createRemoteJWKSet(new URL(url), {
      timeoutDuration: pace.timeoutMs,
      // It fetches when we say so: on its own it would ask again for each token while the URL is down.
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: boundedFetch((text) => {
        this.#fetchedText = text;
      }),
    });
  }

  /** Begins to fetch; a failure is logged. */
  start(): void {
    void this.#refresh();
  }

  async keysFor(header: TokenHeader): Promise<readonly CryptoKey[]> {
    if (this.version === 0) {
      await this.#refresh();
      if (this.version === 0) throw cannotBeHad();
    } else if (performance.now() > this.#fetchedAt + this.#pace.freshMs) {
      void this.#refresh();
    }
    const known = await this.#matching(header);
    if (known.length > 0) return known;
    await this.#refresh();
    const keys = await this.#matching(header);
    // It may be one of those that the issuer could not tell us of.
    if (keys.length === 0 && this.#failure !== '') throw cannotBeHad();
    return keys;
  }

  async reload(): Promise<void> {
    // One that is under way may have asked before the keys changed.
    await this.#pending;
    this.#nextFetchAt = Number.NEGATIVE_INFINITY;
    if (!(await this.#refresh())) {
      throw new KeyFileError(`auth.jwksUrl: cannot fetch ${this.#place}: ${this.#failure}`);
    }
  }

  /** Fetches, or joins the fetch under way, unless it is too early; answers whether keys came. */
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
      this.#nextFetchAt = performance.now() + this.#pace.retryMs;
      const outcome =
        this.version === 0 ? 'no signed token can be checked' : 'the old keys stay in use';
      this.#log.warn(
        { url: this.#place, reason: this.#failure },
        `auth.jwksUrl: the keys of tokens cannot be fetched: ${outcome}`,
      );
      return false;
    }
    this.#failure = '';
    this.#fetchedAt = performance.now();
    this.#nextFetchAt = this.#fetchedAt + this.#pace.cooldownMs;
    if (this.#text !== this.#fetchedText) {
      this.#text = this.#fetchedText;
      this.version += 1;
      this.#log.info({ url: this.#place }, 'auth.jwksUrl: the keys of tokens were fetched');
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
