import { KeyFileError } from './key-file-error.ts';
import { PUBLIC_KEY_ALGORITHMS } from './key-source.ts';
import { type PublicKey, publicKeyOfJwk, publicKeyOfPem } from './public-key.ts';
import { hiddenClaim, shownClaim } from './shown-claim.ts';

/** Keys that one file may hold. Where a token names none, each may have to be tried. */
const KEYS_MAX = 16;

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;
// Found apart from blocks: one that is damaged or has headers is to be refused as well.
const PRIVATE_PEM = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/;
const PUBLIC_PEM_LABELS: ReadonlySet<string> = new Set([
  'PUBLIC KEY',
  'RSA PUBLIC KEY',
  'CERTIFICATE',
]);

const EXPECTED = 'public keys: a JWKS, a JWK, or PEM blocks';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keysOfPem(text: string): PublicKey[] {
  if (PRIVATE_PEM.test(text)) {
    throw new KeyFileError(
      `expected ${EXPECTED}, got a private key: keep it where tokens are made`,
    );
  }
  return [...text.matchAll(PEM_BLOCK)].map(([block, label = '']) => {
    if (PUBLIC_PEM_LABELS.has(label)) return publicKeyOfPem(block);
    throw new KeyFileError(`expected ${EXPECTED}, got a PEM block of ${shownClaim(label)}`);
  });
}

/** Whether a key of a set is for something else, as encryption: sets serve more than tokens. */
function isForeign({ use, alg }: Readonly<Record<string, unknown>>): boolean {
  const isOfOtherAlgorithm = typeof alg === 'string' && !PUBLIC_KEY_ALGORITHMS.includes(alg);
  return (use !== undefined && use !== 'sig') || isOfOtherAlgorithm;
}

function keysOfJson(text: string): PublicKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new KeyFileError(`expected ${EXPECTED}, got something that begins like JSON and is not`);
  }
  if (!isObject(json)) throw new KeyFileError(`expected ${EXPECTED}, got ${hiddenClaim(json)}`);
  if (!('keys' in json)) return [publicKeyOfJwk(json)];
  if (!Array.isArray(json.keys)) {
    throw new KeyFileError(`"keys": expected an array, got ${hiddenClaim(json.keys)}`);
  }
  return json.keys.flatMap((jwk: unknown, index) => {
    if (!isObject(jwk)) {
      throw new KeyFileError(`keys[${index}]: expected a JWK, got ${hiddenClaim(jwk)}`);
    }
    // A secret is never foreign: it must not lie in this file, whatever it is for.
    if (jwk.kty !== 'oct' && isForeign(jwk)) return [];
    try {
      return [publicKeyOfJwk(jwk)];
    } catch (error) {
      throw new KeyFileError(`keys[${index}]: ${(error as Error).message}`);
    }
  });
}

/**
 * The public keys in the text of a file: a JWKS, a single JWK, or PEM public keys and certificates.
 *
 * @throws KeyFileError for anything else, for private keys, and where there is no key or more than 16
 */
export function parseKeyFile(text: string): readonly PublicKey[] {
  const content = text.replace(/^\uFEFF/, '').trim();
  const keys = content.startsWith('{') ? keysOfJson(content) : keysOfPem(content);
  if (keys.length === 0) {
    throw new KeyFileError(`expected ${EXPECTED}, got none that verifies tokens`);
  }
  if (keys.length > KEYS_MAX) {
    throw new KeyFileError(`expected at most ${KEYS_MAX} keys, got ${keys.length}`);
  }
  const names = keys.flatMap(({ kid, algorithm }) =>
    kid === undefined ? [] : [`${algorithm} ${kid}`],
  );
  if (new Set(names).size < names.length) {
    throw new KeyFileError('expected each "kid" once, got one twice');
  }
  return keys;
}
