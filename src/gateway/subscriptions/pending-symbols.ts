interface PendingSymbol {
  readonly name: string;
  readonly subscriptions: number[];
}

/**
 * Symbols that sessions are subscribed to and that do not exist yet. Each gets a negative id, so
 * that a subscription to it is like any other, and its name is stored once.
 */
export class PendingSymbols {
  readonly #ids = new Map<string, number>();
  /** By -1 - id. */
  readonly #symbols: (PendingSymbol | undefined)[] = [];
  readonly #freeIds: number[] = [];

  get size(): number {
    return this.#ids.size;
  }

  /** The id of a pending symbol; undefined if no session is subscribed to it. */
  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** Assigns an id to a symbol that is not pending yet. */
  add(name: string): number {
    const id = this.#freeIds.pop() ?? -1 - this.#symbols.length;
    this.#ids.set(name, id);
    this.#symbols[-1 - id] = { name, subscriptions: [] };
    return id;
  }

  name(id: number): string {
    return this.#get(id).name;
  }

  subscriptions(id: number): number[] {
    return this.#get(id).subscriptions;
  }

  /** Frees an id: the symbol exists now, or has no subscription left. */
  remove(id: number): void {
    this.#ids.delete(this.name(id));
    this.#symbols[-1 - id] = undefined;
    this.#freeIds.push(id);
  }

  #get(id: number): PendingSymbol {
    const pending = this.#symbols[-1 - id];
    if (pending === undefined) throw new RangeError(`no pending symbol has id ${id}`);
    return pending;
  }
}
