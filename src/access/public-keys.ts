import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { KeyFileError } from './errors.ts';
import { hideValue, isObject, showValue } from './fault-messages.ts';
import {
  type KeySource,
  PUBLIC_KEY_ALGORITHMS,
  readKeyFile,
  type TokenHeader,
} from './key-source.ts';

/** A key that verifies tokens. */
interface PublicKey {
  /** The name that tokens may give as their `kid`. */
  readonly kid: string | undefined;
  /** The one algorithm it verifies. */
  readonly algorithm: string;
  readonly key: KeyObject;
}

/** Keys per file. A token without `kid` may be tried against each. */
const KEYS_MAX = 16;
const RSA_BITS_MIN = 2048;

const FILE_EXPECTED = 'public keys: a JWKS, a JWK, or PEM blocks';
const KEY_EXPECTED = `a public key: RSA (at least ${RSA_BITS_MIN} bits), P-256 or Ed25519`;
const GOT_PRIVATE = 'got a private key: keep it where tokens are signed';

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;
// Also finds damaged blocks and blocks with headers, which PEM_BLOCK does not.
const PRIVATE_PEM = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/;
const PUBLIC_PEM_LABELS: ReadonlySet<string> = new Set([
  'PUBLIC KEY',
  'RSA PUBLIC KEY',
  'CERTIFICATE',
]);

/** JWK members that only private keys have. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'] as const;

type Jwk = Readonly<Record<string, unknown>>;

/** The public keys of `auth.keysFile`. */
export class FileKeys implements KeySource {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS;
  version = 0;
  readonly #path: string;
  #keys: readonly PublicKey[];

  private constructor(path: string, keys: readonly PublicKey[]) {
    this.#path = path;
    this.#keys = keys;
  }

  /** @throws KeyFileError (as a rejection) */
  static async read(path: string): Promise<FileKeys> {
    return new FileKeys(path, await readKeyFile('auth.keysFile', path, parsePublicKeys));
  }

  /** Keys of the algorithm named `kid`; if none, the unnamed ones, such as all PEM keys. */
  keysFor({ alg, kid }: TokenHeader): Promise<readonly KeyObject[]> {
    const fitting = this.#keys.filter(({ algorithm }) => algorithm === alg);
    const named = fitting.filter((key) => kid !== undefined && key.kid === kid);
    const unnamed = fitting.filter((key) => kid === undefined || key.kid === undefined);
    return Promise.resolve((named.length > 0 ? named : unnamed).map(({ key }) => key));
  }

  async reload(): Promise<void> {
    this.#keys = await readKeyFile('auth.keysFile', this.#path, parsePublicKeys);
    this.version += 1;
  }
}

/**
 * Parses a JWKS, a single JWK, or PEM public keys and certificates.
 *
 * @throws KeyFileError for anything else, for private keys, and unless there are 1 to 16 keys
 */
function parsePublicKeys(text: string): readonly PublicKey[] {
  const content = text.trim();
  const keys = content.startsWith('{') ? parseJwks(content) : parsePem(content);
  if (keys.length === 0) {
    throw new KeyFileError(`expected ${FILE_EXPECTED}, got none that verifies tokens`);
  }
  if (keys.length > KEYS_MAX) {
    throw new KeyFileError(`expected at most ${KEYS_MAX} keys, got ${keys.length}`);
  }
  const names = keys.flatMap(({ kid, algorithm }) =>
    kid === undefined ? [] : [`${algorithm} ${kid}`],
  );
  if (new Set(names).size < names.length) {
    throw new KeyFileError('expected unique "kid"s, got a duplicate');
  }
  return keys;
}

function parsePem(text: string): PublicKey[] {
  if (PRIVATE_PEM.test(text)) throw new KeyFileError(`expected ${FILE_EXPECTED}, ${GOT_PRIVATE}`);
  return [...text.matchAll(PEM_BLOCK)].map(([block, label = '']) => {
    if (!PUBLIC_PEM_LABELS.has(label)) {
      throw new KeyFileError(`expected ${FILE_EXPECTED}, got a PEM block of ${showValue(label)}`);
    }
    const key = createKey(block, 'an unreadable PEM block');
    return { kid: undefined, algorithm: algorithmOf(key), key };
  });
}

function parseJwks(text: string): PublicKey[] {
  let json: Jwk;
  try {
    // An object, because it starts with a brace.
    json = JSON.parse(text) as Jwk;
  } catch {
    throw new KeyFileError(`expected ${FILE_EXPECTED}, got invalid JSON`);
  }
  if (!('keys' in json)) return [parseJwk(json)];
  if (!Array.isArray(json.keys)) {
    throw new KeyFileError(`"keys": expected an array, got ${hideValue(json.keys)}`);
  }
  return json.keys.flatMap((jwk: unknown, index) => {
    if (!isObject(jwk)) {
      throw new KeyFileError(`keys[${index}]: expected a JWK, got ${hideValue(jwk)}`);
    }
    // A secret is refused even if it is for something else: it does not belong in this file.
    if (jwk.kty !== 'oct' && isForeign(jwk)) return [];
    try {
      return [parseJwk(jwk)];
    } catch (error) {
      throw new KeyFileError(`keys[${index}]: ${(error as Error).message}`);
    }
  });
}

/** Whether a JWK is for something other than our tokens, such as encryption: sets are shared. */
function isForeign({ use, alg }: Jwk): boolean {
  const hasForeignAlgorithm = typeof alg === 'string' && !PUBLIC_KEY_ALGORITHMS.includes(alg);
  return (use !== undefined && use !== 'sig') || hasForeignAlgorithm;
}

function parseJwk(jwk: Jwk): PublicKey {
  const { kty, kid, alg } = jwk;
  if (kty === 'oct') {
    throw new KeyFileError(
      `expected ${KEY_EXPECTED}, got a secret, which belongs in auth.jwtSecret`,
    );
  }
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
    throw new KeyFileError(`expected ${KEY_EXPECTED}, ${GOT_PRIVATE}`);
  }
  if (kid !== undefined && typeof kid !== 'string') {
    throw new KeyFileError(`"kid": expected a string, got ${showValue(kid)}`);
  }
  const key = createKey({ key: jwk as JsonWebKey, format: 'jwk' }, 'an unreadable key');
  const algorithm = algorithmOf(key);
  if (alg !== undefined && alg !== algorithm) {
    throw new KeyFileError(
      `"alg": expected "${algorithm}" for this kind of key, got ${showValue(alg)}`,
    );
  }
  return { kid, algorithm, key };
}

function createKey(source: Parameters<typeof createPublicKey>[0], what: string): KeyObject {
  try {
    return createPublicKey(source);
  } catch {
    // The cause is dropped: it may quote the file.
    throw new KeyFileError(`expected ${KEY_EXPECTED}, got ${what}`);
  }
}

function algorithmOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = key.asymmetricKeyType;
  if (kind === 'ed25519') return 'EdDSA';
  if (kind === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  if (kind === 'rsa' && (modulusLength ?? 0) >= RSA_BITS_MIN) return 'RS256';
  const detail = namedCurve ?? (kind === 'rsa' ? `of ${modulusLength} bits` : '');
  throw new KeyFileError(`expected ${KEY_EXPECTED}, got ${`${kind ?? 'none'} ${detail}`.trim()}`);
}
