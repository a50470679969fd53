import { AccessError } from './authenticator.ts';
import { shownClaim } from './shown-claim.ts';

/** What of a token's header is gone by. Whoever sent the token chose it. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

const KEY_ID_LENGTH_MAX = 256;

// An unsigned token has an empty third part: it is to be told why it is refused.
const THREE_PARTS = /^([\w-]+)\.[\w-]+\.[\w-]*$/;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function headerOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the header of a signed token, before any work on its signature.
 *
 * @throws AccessError for what is no such token, for unsigned ones, and for extensions (`crit`)
 */
export function readTokenHeader(token: string): TokenHeader {
  const part = THREE_PARTS.exec(token)?.[1];
  const header = part === undefined ? undefined : headerOf(part);
  if (header === undefined) {
    throw new AccessError('the token is neither a signed token (JWT) nor an API key');
  }
  const { alg, kid } = header;
  if (typeof alg !== 'string') {
    throw new AccessError(
      `header "alg": expected the name of an algorithm, got ${shownClaim(alg)}`,
    );
  }
  if ('crit' in header) throw new AccessError('header "crit": no extensions are understood');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KEY_ID_LENGTH_MAX)) {
    throw new AccessError(
      `header "kid": expected a text of at most ${KEY_ID_LENGTH_MAX} characters, got ${shownClaim(kid)}`,
    );
  }
  return { alg, kid };
}
