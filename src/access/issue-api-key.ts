import { createHash, randomBytes } from 'node:crypto';
import { API_KEY_PREFIX } from './api-keys.ts';
import { checkedRequest, type IssueRequest } from './issue-request.ts';

/** Bytes of chance in a key: nobody finds it by trying, so a plain hash of it may be known. */
const RANDOM_BYTES = 32;

/** A new API key. */
export interface IssuedApiKey {
  /** For its bearer; it is nowhere else. */
  readonly key: string;
  /** For the array `keys` of the file `auth.apiKeysFile`, as JSON in one line. */
  readonly entry: string;
}

/** Makes an API key and what a server is to know of it. @throws IssueError */
export function issueApiKey(request: IssueRequest): IssuedApiKey {
  const { name, permissions } = checkedRequest(request);
  const { lifetimeMs } = request;
  const key = API_KEY_PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
  const expiry =
    lifetimeMs === undefined ? {} : { expiresAt: new Date(Date.now() + lifetimeMs).toISOString() };
  return { key, entry: JSON.stringify({ id: name, hash, ...permissions, ...expiry }) };
}
