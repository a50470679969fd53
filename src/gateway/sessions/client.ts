import type { Identity } from '../../access/index.ts';
import { NameSpace } from '../../engine/index.ts';
import type { NameFilter } from '../../store/index.ts';
import type { RequestHead } from '../transport/transport.ts';

/** The client of a connection or request: who it is, and what it may read and publish. */
export class Client {
  /** As text; empty if unknown. */
  readonly address: string;
  /** The names of its tenant's symbols and publishers. */
  readonly nameSpace: NameSpace;
  #identity: Identity;

  constructor(identity: Identity, address: string) {
    this.#identity = identity;
    this.address = address;
    this.nameSpace = new NameSpace(identity.tenant);
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Whether it may read a symbol, existing or not. */
  canRead(symbol: string): boolean {
    return this.#identity.read.covers(symbol);
  }

  /** Whether a name belongs to a symbol that it may read. */
  sees(name: string): boolean {
    const { read } = this.#identity;
    return this.nameSpace.has(name) && (read.isAll || read.covers(this.nameSpace.symbolOf(name)));
  }

  /**
   * The names that it {@link sees}, as data.
   *
   * @param selection symbols and patterns, one of which must match; undefined: all
   */
  filter(selection: readonly string[] | undefined): NameFilter {
    const { read } = this.#identity;
    const { foreign, prefix } = this.nameSpace;
    const lists = read.isAll ? [] : [read.patterns];
    return { prefix, foreign, lists: selection === undefined ? lists : [...lists, selection] };
  }

  /**
   * Replaces the identity by that of a new token.
   *
   * @returns false if the token has another subject or tenant; nothing changes then
   */
  renew(identity: Identity): boolean {
    const { tenant, subject } = this.#identity;
    if (identity.tenant !== tenant || identity.subject !== subject) return false;
    this.#identity = identity;
    return true;
  }
}

const BEARER = /^bearer +(\S+) *$/i;

/**
 * The token of `Authorization: Bearer TOKEN`; empty if it is malformed. Undefined without the
 * header, and for another scheme: that is a proxy's, and the token may come in another way.
 */
export function bearerToken(request: RequestHead): string | undefined {
  const header = request.header('authorization') ?? '';
  const [scheme = ''] = header.split(' ', 1);
  return scheme.toLowerCase() === 'bearer' ? (BEARER.exec(header)?.[1] ?? '') : undefined;
}
