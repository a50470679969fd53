/** The door of access control: what the rest of the server may use of it. */
export { AccessError, type Authenticator } from './authenticator.ts';
export {
  ALL_SYMBOLS,
  ANYBODY,
  type Identity,
  type IdentityLimits,
  NO_SYMBOLS,
  STRANGER,
  type SymbolRule,
} from './identity.ts';
