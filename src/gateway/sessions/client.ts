import type { Identity } from '../../access/index.ts';
import { NameSpace } from '../../engine/index.ts';
import type { RequestHead } from '../transport/transport.ts';

/** Who is at the other end of a connection or request, and what it may see and do. */
export class Client {
  /** As text; empty where it is not known. */
  readonly address: string;
  /** Its tenant's symbols and publishers. */
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

  /** Whether it may read a symbol, whether that exists or not. */
  canRead(symbol: string): boolean {
    return this.#identity.read.covers(symbol);
  }

  /** Whether a name is of a symbol that it may read. */
  sees(name: string): boolean {
    const { read } = this.#identity;
    return this.nameSpace.has(name) && (read.isAll || read.covers(this.nameSpace.symbolOf(name)));
  }

  /**
   * Takes the place of the token it came with.
   *
   * @returns false for the token of somebody else: nothing changes
   */
  renew(identity: Identity): boolean {
    const { tenant, subject } = this.#identity;
    if (identity.tenant !== tenant || identity.subject !== subject) return false;
    this.#identity = identity;
    return true;
  }
}

const BEARER = /^bearer +(\S+) *$/i;

/** The token of `Authorization: Bearer TOKEN`; an empty one where the header says anything else; undefined without it. */
export function bearerToken(request: RequestHead): string | undefined {
  const header = request.header('authorization');
  return header === undefined ? undefined : (BEARER.exec(header)?.[1] ?? '');
}
