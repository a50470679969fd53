/** A symbol that does not exist yet, and the links of the sessions that wait for it. */
interface AwaitedSymbol {
  readonly name: string;
  readonly links: number[];
}

/**
 * Symbols that sessions are subscribed to and that do not exist yet. Each gets an id below 0, so that a session is linked to
 * it as to one that exists, and its name is kept once, however many sessions wait.
 */
export class AwaitedSymbols {
  readonly #ids = new Map<string, number>();
  /** By -1 - id. */
  readonly #symbols: (AwaitedSymbol | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#ids.size;
  }

  /** The id of a symbol, by its name; undefined when nobody waits for it. */
  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** Gives a symbol, for which nobody waits yet, an id. */
  add(name: string): number {
    const id = this.#free.pop() ?? -1 - this.#symbols.length;
    this.#ids.set(name, id);
    this.#symbols[-1 - id] = { name, links: [] };
    return id;
  }

  name(id: number): string {
    return this.#of(id).name;
  }

  links(id: number): number[] {
    return this.#of(id).links;
  }

  /** Takes a symbol's id back: it exists now, or nobody waits any more. */
  remove(id: number): void {
    this.#ids.delete(this.#of(id).name);
    this.#symbols[-1 - id] = undefined;
    this.#free.push(id);
  }

  #of(id: number): AwaitedSymbol {
    const awaited = this.#symbols[-1 - id];
    if (awaited === undefined) throw new RangeError(`no awaited symbol has id ${id}`);
    return awaited;
  }
}
