import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { KeyFileError } from './key-file-error.ts';
import { shownClaim } from './shown-claim.ts';

/** A key that verifies tokens. */
export interface PublicKey {
  /** Its name, which tokens may give as their `kid`. */
  readonly kid: string | undefined;
  /** The one algorithm it verifies. */
  readonly algorithm: string;
  readonly key: KeyObject;
}

const RSA_BITS_MIN = 2048;

/** Members of JWKs that only private keys have. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'] as const;

const EXPECTED = 'a public key of RSA (2048 bits at least), P-256 or Ed25519';

function algorithmOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = key.asymmetricKeyType;
  if (kind === 'ed25519') return 'EdDSA';
  if (kind === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  if (kind === 'rsa' && (modulusLength ?? 0) >= RSA_BITS_MIN) return 'RS256';
  const size = kind === 'rsa' ? ` of ${modulusLength} bits` : '';
  throw new KeyFileError(
    `expected ${EXPECTED}, got one of ${kind ?? 'no kind'}${namedCurve === undefined ? size : ` ${namedCurve}`}`,
  );
}

/** The public key of a PEM block. @throws KeyFileError */
export function publicKeyOfPem(pem: string): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new KeyFileError(`expected ${EXPECTED}, got a PEM block that cannot be read`);
  }
  return { kid: undefined, algorithm: algorithmOf(key), key };
}

/** The public key of a JWK. @throws KeyFileError */
export function publicKeyOfJwk(jwk: Readonly<Record<string, unknown>>): PublicKey {
  const { kty, kid, alg } = jwk;
  if (kty === 'oct') {
    throw new KeyFileError(`expected ${EXPECTED}, got a secret, which belongs into auth.jwtSecret`);
  }
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
    throw new KeyFileError(
      `expected ${EXPECTED}, got a private key: keep it where tokens are made`,
    );
  }
  if (kid !== undefined && typeof kid !== 'string') {
    throw new KeyFileError(`"kid": expected a text, got ${shownClaim(kid)}`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    throw new KeyFileError(`expected ${EXPECTED}, got a key that cannot be read`);
  }
  const algorithm = algorithmOf(key);
  if (alg !== undefined && alg !== algorithm) {
    throw new KeyFileError(
      `"alg": expected "${algorithm}" of this kind of key, got ${shownClaim(alg)}`,
    );
  }
  return { kid, algorithm, key };
}
