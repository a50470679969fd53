import { validateSymbol } from '../protocol/index.ts';

/** No symbol has a control character in it, so no symbol is ever the name of another tenant's. */
const MARK = '\u0001';
const TENANT = /^[A-Za-z0-9._-]{1,32}$/;

/** The longest name beyond its symbol, bytes. */
export const TENANT_BYTES_MAX = 32 + 2;

/** Whether `text` may name a tenant; the default tenant, which is no text, is none of these. */
function isTenant(text: string): boolean {
  return TENANT.test(text);
}

/**
 * One tenant's symbols and publishers among those of all. What a client calls a *symbol* is, everywhere behind the gateway's
 * sessions, a *name*: the symbol itself in the default tenant, the symbol behind the tenant's prefix in any other. So a name
 * is of exactly one tenant, and whoever looks up names cannot reach another's by any symbol.
 */
export class NameSpace {
  /** Empty: the default tenant. */
  readonly tenant: string;
  /** Before each name; empty in the default tenant. */
  readonly prefix: string;

  /** @throws RangeError for what cannot name a tenant */
  constructor(tenant: string) {
    if (tenant !== '' && !isTenant(tenant)) throw new RangeError(`no tenant: ${tenant}`);
    this.tenant = tenant;
    this.prefix = tenant === '' ? '' : `${MARK}${tenant}${MARK}`;
  }

  /** The name of a symbol, or of a pattern. The caller has checked that it is one. */
  nameOf(symbol: string): string {
    return this.prefix + symbol;
  }

  /** Whether a name is of this tenant. */
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

/** What is wrong with a text as a name, as the rest of a sentence; undefined for a good one. */
export function validateName(text: string): string | undefined {
  if (!text.startsWith(MARK)) return validateSymbol(text);
  const end = text.indexOf(MARK, 1);
  if (!isTenant(text.slice(1, Math.max(1, end)))) return 'names no tenant';
  return validateSymbol(text.slice(end + 1));
}

/** The symbol behind a name of any tenant, as that tenant's clients say it. */
export function symbolOfName(name: string): string {
  return name.startsWith(MARK) ? name.slice(name.indexOf(MARK, 1) + 1) : name;
}

/** A name as people read it. */
export function shownName(name: string): string {
  const tenant = tenantOf(name);
  return tenant === '' ? name : `${tenant}/${symbolOfName(name)}`;
}
