/** Who clients are and what they may do. The only door of this folder. */
export { Audit, type AuditEvent, type AuditRecord } from './audit.ts';
export { AccessError, type Authenticator, UncheckedTokenError } from './authenticator.ts';
export { createAuthenticator } from './create-authenticator.ts';
export {
  ALL_SYMBOLS,
  ANONYMOUS,
  type Identity,
  NO_SYMBOLS,
  type SymbolRule,
  UNAUTHENTICATED,
} from './identity.ts';
export { issueApiKey } from './issue-api-key.ts';
export { IssueError } from './issue-request.ts';
export { issueToken } from './issue-token.ts';
export { KeyFileError } from './key-file-error.ts';
