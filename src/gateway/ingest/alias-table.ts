import { UNKNOWN_SYMBOL } from '../../engine/index.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What {@link AliasTable.symbolId} answers for an alias never declared. */
export const UNDECLARED_ALIAS = -2;
/** And for one whose symbol the publisher may not publish. */
export const FORBIDDEN_ALIAS = -3;

/**
 * The aliases of one publisher's connection. A declared symbol gets its id with its first tick, not before: declaring
 * alone takes no place in the symbol table.
 */
export class AliasTable {
  /** Symbol ids by alias, or what stands for none. V8 keeps it dense or sparse as the aliases come, so odd ones cost no memory. */
  readonly #symbolIds: number[] = [];
  /**
   * Their names, by alias, like the ids. Not a Map: V8 hashes the keys of a Map without a secret where they are numbers, so that aliases
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

  /**
   * Declares an alias, or gives it another symbol, by its name. The caller has checked the symbol.
   *
   * @param isAllowed whether it may be published
   */
  declare(alias: number, name: string, isAllowed = true): void {
    if (!this.has(alias)) this.#size++;
    this.#symbols[alias] = encoder.encode(name);
    this.#symbolIds[alias] = isAllowed ? UNKNOWN_SYMBOL : FORBIDDEN_ALIAS;
  }

  /** Asks anew which symbols may be published, by their names. */
  permit(isAllowed: (name: string) => boolean): void {
    // By keys: a sparse array is as long as its largest alias.
    for (const alias of Object.keys(this.#symbols).map(Number)) {
      const isCovered = isAllowed(decoder.decode(this.symbol(alias)));
      this.#symbolIds[alias] = isCovered ? UNKNOWN_SYMBOL : FORBIDDEN_ALIAS;
    }
  }

  /**
   * The symbol id behind an alias, `UNKNOWN_SYMBOL` before its first tick, {@link UNDECLARED_ALIAS} or
   * {@link FORBIDDEN_ALIAS}.
   */
  symbolId(alias: number): number {
    return this.#symbolIds[alias] ?? UNDECLARED_ALIAS;
  }

  /** The UTF-8 bytes of the name behind a declared alias. */
  symbol(alias: number): Uint8Array {
    return this.#symbols[alias] as Uint8Array;
  }

  resolve(alias: number, symbolId: number): void {
    this.#symbolIds[alias] = symbolId;
  }
}
