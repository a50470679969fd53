import { validateSymbol } from '../protocol/index.ts';

/**
 * Begins a tenant's prefix. No symbol contains a control character, so a symbol in the default
 * tenant never equals another tenant's name.
 */
const MARK = '\u0001';
const TENANT = /^[A-Za-z0-9._-]{1,32}$/;

/** The most bytes that a tenant's prefix adds to a symbol. */
export const TENANT_BYTES_MAX = 32 + 2;

/** Whether `text` may name a tenant. The default tenant is the empty text, which may not. */
function isTenant(text: string): boolean {
  return TENANT.test(text);
}

/**
 * The names of one tenant's symbols and publishers. A client's *symbol* is a *name* behind the
 * gateway's sessions: the symbol itself in the default tenant, the symbol behind the tenant's
 * prefix in any other. A name belongs to exactly one tenant, and no symbol of one tenant leads to a
 * name of another.
 */
export class NameSpace {
  /** Empty: the default tenant. */
  readonly tenant: string;
  /** Before each name; empty in the default tenant. */
  readonly prefix: string;

  /** @throws RangeError for a text that cannot name a tenant */
  constructor(tenant: string) {
    if (tenant !== '' && !isTenant(tenant)) throw new RangeError(`invalid tenant: ${tenant}`);
    this.tenant = tenant;
    this.prefix = tenant === '' ? '' : `${MARK}${tenant}${MARK}`;
  }

  /** What the names of other tenants begin with, where the prefix is empty. */
  get foreign(): string | undefined {
    return this.prefix === '' ? MARK : undefined;
  }

  /** The name of a valid symbol or pattern. */
  nameOf(symbol: string): string {
    return this.prefix + symbol;
  }

  /** Whether a name belongs to this tenant. */
  has(name: string): boolean {
    return this.prefix === '' ? !name.startsWith(MARK) : name.startsWith(this.prefix);
  }

  /** The symbol behind a name of this tenant. */
  symbolOf(name: string): string {
    return this.prefix === '' ? name : name.slice(this.prefix.length);
  }
}

/** The tenant of a name; empty for the default one. */
export function tenantOf(name: string): string {
  return name.startsWith(MARK) ? name.slice(1, name.indexOf(MARK, 1)) : '';
}

/** The fault of a name, as the rest of a sentence ("is empty"); undefined if it is valid. */
export function validateName(text: string): string | undefined {
  if (!text.startsWith(MARK)) return validateSymbol(text);
  const end = text.indexOf(MARK, 1);
  if (!isTenant(text.slice(1, Math.max(1, end)))) return 'has an invalid tenant';
  return validateSymbol(text.slice(end + 1));
}

/** The symbol of a name, as clients of its tenant know it. */
export function symbolOfName(name: string): string {
  return name.startsWith(MARK) ? name.slice(name.indexOf(MARK, 1) + 1) : name;
}

/** A name for people: `tenant/symbol`, or the symbol alone. */
export function shownName(name: string): string {
  const tenant = tenantOf(name);
  return tenant === '' ? name : `${tenant}/${symbolOfName(name)}`;
}
