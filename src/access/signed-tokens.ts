import type { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { AccessError } from './authenticator.ts';
import { describeInvalidClaim } from './claim-fault.ts';
import { claimsSchema } from './claims.ts';
import type { Identity } from './identity.ts';
import type { KeySource } from './key-source.ts';
import { permitted } from './permissions.ts';
import { shownClaim } from './shown-claim.ts';
import { TokenCache } from './token-cache.ts';
import { readTokenHeader, type TokenHeader } from './token-header.ts';

/** What tokens must say, beside being signed. */
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

/** Tells who the bearer of a signed token (JWT) is. */
export class SignedTokens {
  readonly #sources: readonly KeySource[];
  readonly #rules: TokenRules;
  readonly #cache = new TokenCache();

  /** @param sources the earlier is asked first */
  constructor(sources: readonly KeySource[], rules: TokenRules) {
    this.#sources = sources;
    this.#rules = rules;
  }

  /**
   * @param digest the SHA-256 of the token, hexadecimal
   * @throws AccessError (as a rejection)
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

  async #candidates(header: TokenHeader): Promise<Candidates> {
    const fitting = this.#sources.filter(({ algorithms }) => algorithms.includes(header.alg));
    if (fitting.length === 0) {
      const expected = this.#sources.flatMap(({ algorithms }) => algorithms);
      throw new AccessError(
        `header "alg": expected one of ${[...new Set(expected)].join(', ')}, got ${shownClaim(header.alg)}`,
      );
    }
    for (const source of fitting) {
      const keys = await source.keysFor(header);
      if (keys.length > 0) return { keys, algorithms: source.algorithms };
    }
    const named = header.kid === undefined ? '' : ` and "kid" ${shownClaim(header.kid)}`;
    throw new AccessError(`no key for a token with "alg" ${shownClaim(header.alg)}${named}`);
  }

  async #verify(
    token: string,
    header: TokenHeader,
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
    throw new AccessError(`the signature is not that of a known key for ${header.alg}`);
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

  /** What a client is told. The cause is not kept with it: it holds all claims. */
  #refusal(error: unknown): AccessError {
    const isOfClaim =
      error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
    if (!isOfClaim) return new AccessError('the token is malformed, or not fit for its key');
    const { claim, payload } = error;
    const { issuer, audience } = this.#rules;
    const expected =
      {
        exp: 'a time in the future, as a number of seconds since 1970',
        nbf: 'a time that is over, as a number of seconds since 1970',
        iss: shownClaim(issuer),
        aud: shownClaim(audience),
      }[claim] ?? 'another value';
    return new AccessError(
      `claim "${claim}": expected ${expected}, got ${shownClaim(payload[claim])}`,
    );
  }

  #identityOf(payload: JWTPayload, digest: string): Identity {
    const { data, error } = claimsSchema.safeParse(payload);
    if (error !== undefined) throw new AccessError(`claim ${describeInvalidClaim(error, payload)}`);
    const { sub, jti, exp, tickwire } = data;
    // As long as it is accepted: a session that was let in within the tolerance is not to end at once.
    const expiresAt = exp * 1000 + this.#rules.clockToleranceMs;
    if (Date.now() >= expiresAt) {
      throw new AccessError(`claim "exp": expected a time in the future, got ${exp}`);
    }
    return {
      ...permitted(tickwire ?? {}),
      subject: sub,
      // Apart, whatever an issuer writes: "jwt:" is followed by its name, "jwt#" by our digest.
      tokenId: jti === undefined ? `jwt#${digest.slice(0, 16)}` : `jwt:${jti}`,
      expiresAt,
    };
  }
}
