import { Op } from '../../../src/protocol/index.ts';
import type { ClientFrame } from '../connection/frame-codec.ts';

/**
 * The numbers that stand for symbols in TICKS frames: 0, 1, 2 … in the order of first use, for the
 * publisher's life.
 */
export class AliasTable {
  readonly #aliases = new Map<string, number>();
  readonly #symbols: string[] = [];
  #declared = 0;

  /** The alias of a symbol that has one. */
  find(symbol: string): number | undefined {
    return this.#aliases.get(symbol);
  }

  /** The alias of a symbol, a new one where it has none. */
  aliasOf(symbol: string): number {
    const known = this.#aliases.get(symbol);
    if (known !== undefined) return known;
    const alias = this.#symbols.length;
    this.#aliases.set(symbol, alias);
    this.#symbols.push(symbol);
    return alias;
  }

  /** The symbol behind an alias; empty for a number that is none. */
  symbolOf(alias: number): string {
    return this.#symbols[alias] ?? '';
  }

  /** A new connection knows no alias. */
  forgetDeclarations(): void {
    this.#declared = 0;
  }

  /** Whether the connection does not know every alias yet. */
  get isUndeclared(): boolean {
    return this.#declared < this.#symbols.length;
  }

  /** The next frame that tells the connection what it does not know yet; handed out once. */
  nextDeclaration(symbolsMax: number): ClientFrame {
    const first = this.#declared;
    const symbols = this.#symbols.slice(first, first + symbolsMax);
    this.#declared += symbols.length;
    return [Op.ALIAS, first, symbols];
  }
}
