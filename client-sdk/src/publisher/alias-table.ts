import { Op } from '../../../src/protocol/index.ts';
import type { ClientFrame } from '../connection/frame-codec.ts';

/**
 * Symbol aliases for TICKS frames: 0, 1, 2 … in the order of first use, for the publisher's life.
 */
export class AliasTable {
  readonly #aliases = new Map<string, number>();
  readonly #symbols: string[] = [];
  #declared = 0;

  /** The alias of a symbol; undefined if it has none. */
  find(symbol: string): number | undefined {
    return this.#aliases.get(symbol);
  }

  /** The alias of a symbol; assigns one if needed. */
  aliasOf(symbol: string): number {
    const known = this.#aliases.get(symbol);
    if (known !== undefined) return known;
    const alias = this.#symbols.length;
    this.#aliases.set(symbol, alias);
    this.#symbols.push(symbol);
    return alias;
  }

  /** The symbol of an alias; empty if there is none. */
  symbolOf(alias: number): string {
    return this.#symbols[alias] ?? '';
  }

  /** A new connection does not know any alias. */
  forgetDeclarations(): void {
    this.#declared = 0;
  }

  /** Whether some aliases are not declared on this connection yet. */
  get isUndeclared(): boolean {
    return this.#declared < this.#symbols.length;
  }

  /** The next ALIAS frame; counts as sent. */
  nextDeclaration(symbolsMax: number): ClientFrame {
    const first = this.#declared;
    const symbols = this.#symbols.slice(first, first + symbolsMax);
    this.#declared += symbols.length;
    return [Op.ALIAS, first, symbols];
  }
}
