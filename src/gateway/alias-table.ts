import { UNKNOWN_SYMBOL } from '../engine/index.ts';

const encoder = new TextEncoder();

/** What {@link AliasTable.symbolId} answers for an alias never declared. */
export const UNDECLARED_ALIAS = -2;

/**
 * The aliases of one publisher's connection. A declared symbol gets its id with its first tick, not before: declaring
 * alone takes no place in the symbol table.
 */
export class AliasTable {
  /** Symbol ids by alias. V8 keeps it dense or sparse as the aliases come, so odd ones cost no memory. */
  readonly #symbolIds: number[] = [];
  /**
   * By alias, like the ids. Not a Map: V8 hashes the keys of a Map without a secret where they are numbers, so that aliases
   * could be chosen that make it slow. The keys of a sparse array it does hash with one.
   */
  readonly #symbols: Uint8Array[] = [];
  #size = 0;

  /** Aliases declared. */
  get size(): number {
    return this.#size;
  }

  has(alias: number): boolean {
    return this.#symbols[alias] !== undefined;
  }

  /** Declares an alias, or gives it another symbol. The caller has checked the symbol. */
  declare(alias: number, symbol: string): void {
    if (!this.has(alias)) this.#size++;
    this.#symbols[alias] = encoder.encode(symbol);
    this.#symbolIds[alias] = UNKNOWN_SYMBOL;
  }

  /** The symbol id behind an alias, `UNKNOWN_SYMBOL` before its first tick, or {@link UNDECLARED_ALIAS}. */
  symbolId(alias: number): number {
    return this.#symbolIds[alias] ?? UNDECLARED_ALIAS;
  }

  /** The UTF-8 bytes of a declared alias's symbol. */
  symbol(alias: number): Uint8Array {
    return this.#symbols[alias] as Uint8Array;
  }

  resolve(alias: number, symbolId: number): void {
    this.#symbolIds[alias] = symbolId;
  }
}
