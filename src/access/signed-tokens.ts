import type { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { AccessError } from './errors.ts';
import { describeIssue, isObject, showValue } from './fault-messages.ts';
import type { Identity } from './identity.ts';
import type { KeySource, TokenHeader } from './key-source.ts';
import { claimsSchema, grant } from './permissions.ts';

/** The longest token accepted, in characters. */
export const TOKEN_LENGTH_MAX = 8_192;

const KEY_ID_LENGTH_MAX = 256;

// An unsigned token has an empty third part; it gets past here to be refused for its algorithm.
const THREE_PARTS = /^([\w-]+)\.[\w-]+\.[\w-]*$/;

const CACHED_TOKENS_MAX = 4_096;

/**
 * Lifetime of a cached verification, ms. Key changes invalidate the cache immediately; this frees
 * the memory of unused tokens.
 */
const CACHED_MS = 60_000;

/** Required claims. */
export interface TokenRules {
  /** Empty: any. */
  readonly issuer: string;
  /** Empty: any. */
  readonly audience: string;
  readonly clockToleranceMs: number;
}

interface Candidates {
  readonly keys: readonly (CryptoKey | KeyObject)[];
  readonly algorithms: readonly string[];
}

/** Verifies signed tokens (JWT). */
export class SignedTokens {
  readonly #sources: readonly KeySource[];
  readonly #rules: TokenRules;
  readonly #cache = new TokenCache();

  /** @param sources in order of preference */
  constructor(sources: readonly KeySource[], rules: TokenRules) {
    this.#sources = sources;
    this.#rules = rules;
  }

  /**
   * @param digest the SHA-256 of the token, in hexadecimal
   * @throws AccessError, UncheckedTokenError (as rejections)
   */
  async identify(token: string, digest: string): Promise<Identity> {
    const version = this.#sources.reduce((sum, source) => sum + source.version, 0);
    const known = this.#cache.get(digest, version, Date.now());
    if (known !== undefined) return known;
    const header = readTokenHeader(token);
    const payload = await this.#verify(token, header, await this.#candidates(header));
    const identity = this.#identityOf(payload, digest);
    this.#cache.set(digest, identity, version, Date.now());
    return identity;
  }

  async #candidates({ alg, kid }: TokenHeader): Promise<Candidates> {
    const fitting = this.#sources.filter(({ algorithms }) => algorithms.includes(alg));
    if (fitting.length === 0) {
      const expected = new Set(this.#sources.flatMap(({ algorithms }) => algorithms));
      throw new AccessError(
        `header "alg": expected one of ${[...expected].join(', ')}, got ${showValue(alg)}`,
      );
    }
    for (const source of fitting) {
      const keys = await source.keysFor({ alg, kid });
      if (keys.length > 0) return { keys, algorithms: source.algorithms };
    }
    const named = kid === undefined ? '' : ` and "kid" ${showValue(kid)}`;
    throw new AccessError(`no key for a token with "alg" ${showValue(alg)}${named}`);
  }

  async #verify(
    token: string,
    { alg }: TokenHeader,
    { keys, algorithms }: Candidates,
  ): Promise<JWTPayload> {
    const options = this.#options(algorithms);
    for (const key of keys) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw this.#refusal(error);
      }
    }
    throw new AccessError(`the signature matches no known key for ${alg}`);
  }

  #options(algorithms: readonly string[]): JWTVerifyOptions {
    const { issuer, audience, clockToleranceMs } = this.#rules;
    return {
      algorithms: [...algorithms],
      clockTolerance: clockToleranceMs / 1000,
      requiredClaims: ['exp'],
      ...(issuer === '' ? {} : { issuer }),
      ...(audience === '' ? {} : { audience }),
    };
  }

  /** Translates an error of jose. Drops the cause, which holds all claims. */
  #refusal(error: unknown): AccessError {
    const isAboutClaim =
      error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
    if (!isAboutClaim) return new AccessError('the token is malformed or does not suit its key');
    const { claim, payload } = error;
    const { issuer, audience } = this.#rules;
    const expected =
      {
        exp: 'a time in the future, in seconds since 1970',
        nbf: 'a time in the past, in seconds since 1970',
        iss: showValue(issuer),
        aud: showValue(audience),
      }[claim] ?? 'another value';
    return new AccessError(
      `claim "${claim}": expected ${expected}, got ${showValue(payload[claim])}`,
    );
  }

  #identityOf(payload: JWTPayload, digest: string): Identity {
    const { data, error } = claimsSchema.safeParse(payload);
    if (error !== undefined) throw new AccessError(`claim ${describeIssue(error, payload)}`);
    const { sub, jti, exp, tickwire } = data;
    // A token accepted within the clock tolerance must not end its session at once.
    const expiresAt = exp * 1000 + this.#rules.clockToleranceMs;
    if (Date.now() >= expiresAt) {
      throw new AccessError(`claim "exp": expected a time in the future, got ${exp}`);
    }
    return {
      ...grant(tickwire ?? {}),
      subject: sub,
      // "jwt:" precedes an issuer's id, "jwt#" our digest, so that the two cannot collide.
      tokenId: jti === undefined ? `jwt#${digest.slice(0, 16)}` : `jwt:${jti}`,
      expiresAt,
    };
  }
}

/**
 * Reads the header of a signed token before any work on its signature.
 *
 * @throws AccessError for malformed and unsigned tokens, and for extensions (`crit`)
 */
function readTokenHeader(token: string): TokenHeader {
  const part = THREE_PARTS.exec(token)?.[1];
  const header = part === undefined ? undefined : decodeHeader(part);
  if (header === undefined) {
    throw new AccessError('the token is neither a signed token (JWT) nor an API key');
  }
  const { alg, kid } = header;
  if (typeof alg !== 'string') {
    throw new AccessError(`header "alg": expected an algorithm, got ${showValue(alg)}`);
  }
  if ('crit' in header) throw new AccessError('header "crit": extensions are not supported');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KEY_ID_LENGTH_MAX)) {
    const expected = `a string of at most ${KEY_ID_LENGTH_MAX} characters`;
    throw new AccessError(`header "kid": expected ${expected}, got ${showValue(kid)}`);
  }
  return { alg, kid };
}

function decodeHeader(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

interface CachedToken {
  readonly identity: Identity;
  readonly until: number;
}

/**
 * Recently verified tokens, by their SHA-256.
 *
 * A verification takes 150 to 250 µs, 60 to 130 of them on the main thread; a look-up takes 5. HTTP
 * clients send their token with every request, and many connections may share one.
 */
class TokenCache {
  readonly #tokens = new Map<string, CachedToken>();
  #version = 0;

  get(digest: string, version: number, now: number): Identity | undefined {
    if (version !== this.#version) {
      this.#version = version;
      this.#tokens.clear();
    }
    const cached = this.#tokens.get(digest);
    if (cached === undefined) return undefined;
    if (now < cached.until) return cached.identity;
    this.#tokens.delete(digest);
    return undefined;
  }

  /** @param version of the keys when verification began; ignored if they have changed since */
  set(digest: string, identity: Identity, version: number, now: number): void {
    if (version !== this.#version) return;
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= CACHED_TOKENS_MAX && oldest !== undefined) this.#tokens.delete(oldest);
    this.#tokens.set(digest, { identity, until: Math.min(identity.expiresAt, now + CACHED_MS) });
  }
}
