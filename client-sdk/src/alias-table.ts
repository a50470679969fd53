import { type Frame, Op } from '../../src/protocol/index.ts';

/** Symbols of one ALIAS frame at most: it stays far below any frame size limit. */
const SYMBOLS_PER_FRAME = 1000;

/**
 * The numbers that stand for symbols in TICKS frames: 0, 1, 2 … in the order of first use, for the
 * publisher's life.
 */
export class AliasTable {
  readonly #aliases = new Map<string, number>();
  readonly #symbols: string[] = [];
  #declared = 0;

  /** The alias of a symbol, a new one where it has none. */
  aliasOf(symbol: string): number {
    const known = this.#aliases.get(symbol);
    if (known !== undefined) return known;
    const alias = this.#symbols.length;
    this.#aliases.set(symbol, alias);
    this.#symbols.push(symbol);
    return alias;
  }

  /** A new connection knows no alias. */
  forgetDeclarations(): void {
    this.#declared = 0;
  }

  /** The frames that tell the connection what it does not know yet; each is handed out once. */
  *declarations(): Generator<Frame> {
    while (this.#declared < this.#symbols.length) {
      const first = this.#declared;
      const symbols = this.#symbols.slice(first, first + SYMBOLS_PER_FRAME);
      this.#declared += symbols.length;
      yield [Op.ALIAS, first, symbols];
    }
  }
}
