/** Authentication and authorization. The only entry to this folder. */
export { Audit, type AuditEvent, type AuditRecord } from './audit.ts';
export { type Authenticator, createAuthenticator } from './authenticator.ts';
export { AccessError, IssueError, KeyFileError, UncheckedTokenError } from './errors.ts';
export {
  ALL_SYMBOLS,
  ANONYMOUS,
  type Identity,
  NO_SYMBOLS,
  type SymbolRule,
  UNAUTHENTICATED,
} from './identity.ts';
export { issueApiKey, issueToken } from './issuing.ts';
