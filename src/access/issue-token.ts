import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import { checkedRequest, IssueError, type IssueRequest } from './issue-request.ts';
import { TOKEN_LENGTH_MAX } from './token-length.ts';

/**
 * Makes a token that a server with this configuration accepts, signed with HS256.
 *
 * @throws IssueError (as a rejection) when there is no `auth.jwtSecret`, or the request asks for what cannot be
 */
export async function issueToken(auth: Config['auth'], request: IssueRequest): Promise<string> {
  const { jwtSecret, issuer, audience } = auth;
  if (jwtSecret === '') {
    throw new IssueError('expected auth.jwtSecret, which signs tokens, to be set, got nothing');
  }
  const { lifetimeMs } = request;
  if (lifetimeMs === undefined) throw new IssueError('expected a lifetime, got nothing');
  const { name, permissions } = checkedRequest(request);
  const now = Math.floor(Date.now() / 1000);
  const claims = new SignJWT({ tickwire: permissions })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(name)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(lifetimeMs / 1000));
  if (issuer !== '') claims.setIssuer(issuer);
  if (audience !== '') claims.setAudience(audience);
  const token = await claims.sign(createSecretKey(jwtSecret, 'utf8'));
  if (token.length > TOKEN_LENGTH_MAX) {
    throw new IssueError(
      `expected symbols and patterns for a token of at most ${TOKEN_LENGTH_MAX} characters, got ${token.length}`,
    );
  }
  return token;
}
