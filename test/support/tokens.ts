import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { expect } from 'vitest';
import {
  AccessError,
  type Authenticator,
  createAuthenticator,
  type UncheckedTokenError,
} from '../../src/access/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';

export const SECRET = 'a secret of tests that is long enough';

/** An issuer's key pair. */
export interface IssuerKeys {
  readonly algorithm: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function newKeys(algorithm: 'RS256' | 'ES256' | 'EdDSA'): IssuerKeys {
  if (algorithm === 'RS256') {
    return { algorithm, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
  }
  if (algorithm === 'ES256') {
    return { algorithm, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
  }
  return { algorithm, ...generateKeyPairSync('ed25519') };
}

/** The public half as a JWK. */
export function jwkOf({ publicKey }: IssuerKeys, more: object = {}): object {
  return { ...publicKey.export({ format: 'jwk' }), ...more };
}

export function pemOf({ publicKey }: IssuerKeys): string {
  return publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

const secretBytes = (secret: string) => new TextEncoder().encode(secret);

export const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

/** Signs claims as an issuer; `sub` and `exp` default unless given as undefined. */
export async function signed(
  claims: object,
  by: string | IssuerKeys = SECRET,
  header: object = {},
): Promise<string> {
  const given: Record<string, unknown> = { sub: 'someone', exp: inAnHour(), ...claims };
  const payload = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const [alg, key] =
    typeof by === 'string'
      ? (['HS256', secretBytes(by)] as const)
      : ([by.algorithm, by.privateKey] as const);
  return new SignJWT(payload).setProtectedHeader({ alg, ...header }).sign(key);
}

export function compact(header: unknown, payload: unknown, signature = ''): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(payload)}.${signature}`;
}

export const SILENT = pino({ level: 'silent' });

export async function authenticatorOf(
  auth: NonNullable<ConfigInput['auth']>,
  log = SILENT,
): Promise<Authenticator> {
  const authenticator = await createAuthenticator(parseConfig({ auth }).auth, log);
  if (authenticator === undefined) throw new Error('no tokens are demanded');
  return authenticator;
}

/** The refusal message; it must contain neither token parts nor our secrets. */
export async function refusal(
  authenticator: Pick<Authenticator, 'authenticate'>,
  token: string,
  kind: typeof AccessError | typeof UncheckedTokenError = AccessError,
): Promise<string> {
  const outcome: unknown = await authenticator.authenticate(token).then(
    () => 'accepted',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(kind);
  const { message, stack = '', cause } = outcome as Error;
  expect(cause).toBeUndefined();
  for (const told of [message, stack]) {
    for (const secret of [token, SECRET, ...token.split('.')].filter((text) => text.length > 6)) {
      expect(told).not.toContain(secret);
    }
  }
  expect(message).not.toContain('\n');
  expect(message.length).toBeLessThan(300);
  return message;
}
