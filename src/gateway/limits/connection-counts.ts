import type { LimitName } from '../sessions/security-events.ts';
import { limitedAddress } from './address-rates.ts';

/** Limits on connections. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly connectionsPerTokenMax: number;
}

/** Counts open connections: in total, by address (see {@link limitedAddress}) and by token. */
export class ConnectionCounts {
  readonly #limits: ConnectionLimits;
  readonly #addresses = new Map<string, number>();
  readonly #tokens = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** The limit that another connection from an address would exceed; undefined if none. */
  exceededBy(address: string): LimitName | undefined {
    if (this.#total >= this.#limits.connectionsMax) return 'connections';
    const ofAddress = this.#addresses.get(limitedAddress(address)) ?? 0;
    return ofAddress >= this.#limits.connectionsPerAddressMax ? 'connectionsPerAddress' : undefined;
  }

  enter(address: string): void {
    this.#total++;
    add(this.#addresses, limitedAddress(address), 1);
  }

  leave(address: string): void {
    this.#total--;
    add(this.#addresses, limitedAddress(address), -1);
  }

  /**
   * Counts a connection of a token.
   *
   * @param max limit of the token itself, beside the configured one
   * @returns false if a limit is reached: the connection is not counted
   */
  tryEnterToken(tokenId: string, max = Number.POSITIVE_INFINITY): boolean {
    const ofToken = this.#tokens.get(tokenId) ?? 0;
    if (ofToken >= Math.min(max, this.#limits.connectionsPerTokenMax)) return false;
    add(this.#tokens, tokenId, 1);
    return true;
  }

  leaveToken(tokenId: string): void {
    add(this.#tokens, tokenId, -1);
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
