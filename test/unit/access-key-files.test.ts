import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { KeyFileError } from '../../src/access/index.ts';
import { ConfigFolder } from '../support/folders.ts';
import { authenticatorOf, jwkOf, newKeys, pemOf, refusal, signed } from '../support/tokens.ts';

// Self-signed for this test; its private key is discarded.
const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUAJJoonPjrBFQoBfOC3pwYnndHmYwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGaXNzdWVyMCAXDTI2MTEyMjE4MDAyNFoYDzIxMjYxMDI5MTgw
MDI0WjARMQ8wDQYDVQQDDAZpc3N1ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAT0z9atbyrVmKPDUDTzOOUx4LWeEMZhHQTREreD0aFMCeD285jrT5wMLINBPzAE
xwXMcFvvTYWwS88daClG28BPo1MwUTAdBgNVHQ4EFgQULa0eCNg9o8e3VvCpGr/3
wMr77lAwHwYDVR0jBBgwFoAULa0eCNg9o8e3VvCpGr/3wMr77lAwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAX6w7G9MZjTUzFZMlJEN8Ny2UUbUki
ojoFllsVCPqBRQIgaPyBs2lIEJ29rsDdCcxfy7y5spob05j373R1njAWXL4=
-----END CERTIFICATE-----
`;

const RSA = newKeys('RS256');
const EC = newKeys('ES256');
const EDDSA = newKeys('EdDSA');

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());
const keysFile = `${folder.path}/keys`;

async function withFile(content: unknown) {
  folder.write('keys', content);
  return authenticatorOf({ keysFile });
}

/** The start error on this file. */
async function fault(content: unknown): Promise<string> {
  const outcome: unknown = await withFile(content).then(
    () => 'started',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(KeyFileError);
  const { message } = outcome as KeyFileError;
  const start = `auth.keysFile: ${keysFile}: `;
  expect(message.slice(0, start.length)).toBe(start);
  return message.slice(start.length);
}

const subjectOf = async (authenticator: Awaited<ReturnType<typeof withFile>>, token: string) =>
  (await authenticator.authenticate(token)).subject;

describe('a file of public keys', () => {
  it('may be a single JWK', async () => {
    const authenticator = await withFile(jwkOf(EC));
    expect(await subjectOf(authenticator, await signed({ sub: 'a' }, EC))).toBe('a');
    // A key without a name verifies any key ID.
    expect(await subjectOf(authenticator, await signed({ sub: 'b' }, EC, { kid: 'x' }))).toBe('b');
    expect(await refusal(authenticator, await signed({}, EDDSA))).toMatch(/^no key/);
  });

  it('may be PEM: several keys, PKCS#1 and certificates, with text between them', async () => {
    const pkcs1 = RSA.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString();
    const another = newKeys('EdDSA');
    const text = `Keys of 2026\n${pemOf(EDDSA)}\n${pkcs1}${pemOf(another)}${CERTIFICATE}`;
    const authenticator = await withFile(text.replaceAll('\n', '\r\n'));
    for (const keys of [RSA, EDDSA, another]) {
      expect(await subjectOf(authenticator, await signed({ sub: 'a' }, keys))).toBe('a');
    }
    // The certificate's key is loaded but is not this token's.
    expect(await refusal(authenticator, await signed({}, EC))).toMatch(/^the signature matches no/);
  });

  it('may hold keys for other uses, which are skipped', async () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    const authenticator = await withFile({
      keys: [
        jwkOf(RSA, { use: 'enc' }),
        { ...p384.export({ format: 'jwk' }), alg: 'ES384' },
        jwkOf(EDDSA, { use: 'sig', alg: 'EdDSA', kid: 'k' }),
      ],
    });
    expect(await subjectOf(authenticator, await signed({ sub: 'a' }, EDDSA))).toBe('a');
    expect(await refusal(authenticator, await signed({}, RSA))).toMatch(/^no key/);
  });

  it('is read again, and the old keys stay where the new cannot be used', async () => {
    const authenticator = await withFile(pemOf(EDDSA));
    const [old, next] = [await signed({ sub: 'old' }, EDDSA), await signed({ sub: 'next' }, EC)];
    expect(await subjectOf(authenticator, old)).toBe('old');
    folder.write('keys', '{"keys": [');
    await expect(authenticator.reload()).rejects.toThrow(/^auth.keysFile: .* got invalid JSON$/);
    expect(await subjectOf(authenticator, old)).toBe('old');
    folder.write('keys', pemOf(EC));
    await authenticator.reload();
    expect(await subjectOf(authenticator, next)).toBe('next');
    // Accepted and cached before, but its key is gone.
    expect(await refusal(authenticator, old)).toMatch(/^no key/);
  });
});

describe('a start fails for a file', () => {
  const privatePem = EDDSA.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const oldPem = RSA.privateKey
    .export({ format: 'pem', type: 'pkcs1', cipher: 'aes-128-cbc', passphrase: 'words' })
    .toString();
  const privateJwk = EDDSA.privateKey.export({ format: 'jwk' });
  const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
  const dsa = generateKeyPairSync('x25519').publicKey;
  const pem = (key: typeof p384) => key.export({ format: 'pem', type: 'spki' }).toString();

  it.each([
    ['that is empty', '', /^expected public keys: .* got none that verifies tokens$/],
    ['of something else', 'hello', /got none that verifies tokens$/],
    ['of broken JSON', '{"keys": [}', /got invalid JSON$/],
    ['with an empty set', { keys: [] }, /got none that verifies tokens$/],
    ['with a set that is none', { keys: {} }, /^"keys": expected an array, got an object$/],
    [
      'with a set of texts',
      { keys: ['x'] },
      /^keys\[0\]: expected a JWK, got a string of 1 characters$/,
    ],
    ['with a private PEM key', `${pemOf(EC)}${privatePem}`, /got a private key: keep it/],
    ['with a private PEM key of old, with headers', `${pemOf(EC)}${oldPem}`, /got a private key/],
    ['with a private JWK', privateJwk, /got a private key: keep it/],
    [
      'with a private JWK in a set',
      { keys: [jwkOf(EC), privateJwk] },
      /^keys\[1\]: .* private key/,
    ],
    ['with a secret', { kty: 'oct', k: 'c2VjcmV0LW9mLXRoZS1maWxl' }, /belongs in auth.jwtSecret$/],
    ['with a secret in a set', { keys: [{ kty: 'oct', alg: 'A128KW', k: 'c2V' }] }, /jwtSecret$/],
    [
      'with other PEM',
      '-----BEGIN DH PARAMETERS-----\nMA==\n-----END DH PARAMETERS-----',
      /"DH PAR/,
    ],
    ['with damaged PEM', pemOf(EC).replace(/\n.{20}/, '\n'), /an unreadable PEM block$/],
    ['with a damaged JWK', jwkOf(EC, { x: 'AA' }), /got an unreadable key$/],
    ['with a short RSA key', pem(smallRsa), /got rsa of 1024 bits$/],
    ['with another curve', pem(p384), /got ec secp384r1$/],
    ['with a key of another kind', pem(dsa), /got x25519$/],
    ['with a key of another algorithm', jwkOf(EC, { alg: 'RS256' }), /^"alg": expected "ES256"/],
    ['with an odd name', jwkOf(EC, { kid: 5 }), /^"kid": expected a string, got 5$/],
    [
      'with a name twice',
      { keys: [jwkOf(EC, { kid: 'a' }), jwkOf(EC, { kid: 'a' })] },
      /got a duplicate/,
    ],
    [
      'with many keys',
      { keys: Array.from({ length: 17 }, () => jwkOf(EC)) },
      /at most 16 keys, got 17$/,
    ],
  ])('%s', async (_what, content, message) => {
    const text = await fault(content);
    expect(text).toMatch(message);
    for (const secret of [privateJwk.d, 'c2VjcmV0LW9mLXRoZS1maWxl', privatePem.split('\n')[1]]) {
      expect(text).not.toContain(secret);
    }
  });

  it('that is not there', async () => {
    const missing = `${folder.path}/missing`;
    await expect(authenticatorOf({ keysFile: missing })).rejects.toThrow(
      `auth.keysFile: cannot read ${missing}: no such file`,
    );
    await expect(authenticatorOf({ keysFile: folder.path })).rejects.toThrow(/EISDIR$/);
  });
});
