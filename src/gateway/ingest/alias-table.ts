import { UNKNOWN_SYMBOL } from '../../engine/index.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returned by {@link AliasTable.symbolId} for an undeclared alias. */
export const UNDECLARED_ALIAS = -2;
/** Returned for an alias whose symbol the publisher may not publish. */
export const FORBIDDEN_ALIAS = -3;

/**
 * The aliases of one publisher's connection. A declared symbol gets its id with its first tick:
 * declaring alone takes no place in the symbol table.
 */
export class AliasTable {
  /**
   * Symbol ids by alias, or a negative answer. V8 keeps the array dense or sparse, so that odd
   * aliases cost no memory.
   */
  readonly #symbolIds: number[] = [];
  /** What new ticks of the symbols belonged to when they were found: see `SymbolTable.tickId`. */
  readonly #tickIds: number[] = [];
  /**
   * Names by alias. Not a Map: V8 hashes numeric keys of a Map without a secret, so aliases could
   * be chosen to collide. It hashes the keys of a sparse array with one.
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
   * Declares an alias, or gives it another symbol, by name. The caller has validated the symbol.
   *
   * @param isAllowed whether the publisher may publish it
   */
  declare(alias: number, name: string, isAllowed = true): void {
    if (!this.has(alias)) this.#size++;
    this.#symbols[alias] = encoder.encode(name);
    this.#symbolIds[alias] = isAllowed ? UNKNOWN_SYMBOL : FORBIDDEN_ALIAS;
  }

  /** Decides again which symbols may be published. */
  permit(isAllowed: (name: string) => boolean): void {
    // By keys: a sparse array is as long as its largest alias.
    for (const alias of Object.keys(this.#symbols).map(Number)) {
      const isCovered = isAllowed(decoder.decode(this.symbol(alias)));
      this.#symbolIds[alias] = isCovered ? UNKNOWN_SYMBOL : FORBIDDEN_ALIAS;
    }
  }

  /**
   * The symbol id behind an alias, which is another's by now if its {@link tickId} is not that of
   * the symbol; `UNKNOWN_SYMBOL` before its first tick, {@link UNDECLARED_ALIAS}
   * or {@link FORBIDDEN_ALIAS}.
   */
  symbolId(alias: number): number {
    return this.#symbolIds[alias] ?? UNDECLARED_ALIAS;
  }

  /** The UTF-8 bytes of the name behind a declared alias. */
  symbol(alias: number): Uint8Array {
    return this.#symbols[alias] as Uint8Array;
  }

  /** `SymbolTable.tickId` of the symbol id behind an alias when it was resolved. */
  tickId(alias: number): number {
    return this.#tickIds[alias] as number;
  }

  resolve(alias: number, symbolId: number, tickId: number): void {
    this.#symbolIds[alias] = symbolId;
    this.#tickIds[alias] = tickId;
  }
}
