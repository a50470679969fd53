/** No link: the end of a list, and what a search that fails answers. */
export const NO_LINK = -1;

const INITIAL_SLOTS = 2048;

/** What a link is found by, in columns by link number. */
export interface LinkKeys {
  readonly owners: Int32Array;
  readonly symbolIds: Int32Array;
}

function hash(owner: number, symbolId: number): number {
  const mixed = Math.imul(owner, 0x9e37_79b1) ^ Math.imul(symbolId, 0x85eb_ca6b);
  const spread = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d);
  return spread ^ (spread >>> 13);
}

/**
 * Session and symbol → link, for all sessions in one open-addressing hash table with linear probing, at most three quarters
 * full: 5 to 11 bytes a link, where a map of its own costs a session 300 before it holds anything.
 */
export class LinkIndex {
  readonly #keys: LinkKeys;
  /** Link + 1 by hash; 0 where empty. The length is a power of two. */
  #slots = new Int32Array(INITIAL_SLOTS);
  #size = 0;

  constructor(keys: LinkKeys) {
    this.#keys = keys;
  }

  /** The link of a session to a symbol, or {@link NO_LINK}. */
  find(owner: number, symbolId: number): number {
    const { owners, symbolIds } = this.#keys;
    const mask = this.#slots.length - 1;
    let slot = hash(owner, symbolId) & mask;
    for (;;) {
      const link = (this.#slots[slot] as number) - 1;
      if (link === NO_LINK) return NO_LINK;
      if (owners[link] === owner && symbolIds[link] === symbolId) return link;
      slot = (slot + 1) & mask;
    }
  }

  /** Takes in a link, which must not be in. */
  add(link: number): void {
    this.#size++;
    if (this.#size * 4 > this.#slots.length * 3) this.#grow();
    this.#put(link);
  }

  /** Takes out a link, which must be in, by the keys that it came in with. */
  remove(link: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#home(link);
    while (slots[hole] !== link + 1) hole = (hole + 1) & mask;
    // Whatever stands behind the hole and belongs at it or before moves up: no search stops early.
    let at = (hole + 1) & mask;
    for (; slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#home((slots[at] as number) - 1);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at] as number;
      hole = at;
    }
    slots[hole] = 0;
    this.#size--;
  }

  #home(link: number): number {
    const { owners, symbolIds } = this.#keys;
    return hash(owners[link] as number, symbolIds[link] as number) & (this.#slots.length - 1);
  }

  #put(link: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#home(link);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = link + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) this.#put(entry - 1);
  }
}
