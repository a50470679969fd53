import type { NameSpace } from '../../engine/index.ts';
import { patternMatcher } from '../../protocol/index.ts';

/** Observes new symbols. */
export interface SymbolObserver {
  /** A symbol exists from now on. Called before its first tick is queued. */
  symbolAppeared(symbolId: number, name: string): void;
}

/** A pattern with a `*`: one object for all sessions of a tenant that hold it. */
export interface Wildcard {
  /** As its clients write it. */
  readonly pattern: string;
  /** Whether a name belongs to the tenant and matches. */
  readonly matches: (name: string) => boolean;
}

interface ObservedWildcard extends Wildcard {
  readonly observers: Set<SymbolObserver>;
}

/** The wildcards of all sessions. */
export class Wildcards {
  /** By the pattern's name. */
  readonly #byName = new Map<string, ObservedWildcard>();

  get size(): number {
    return this.#byName.size;
  }

  /** A wildcard that some session holds; undefined if none does. */
  find(nameSpace: NameSpace, pattern: string): Wildcard | undefined {
    return this.#byName.get(nameSpace.nameOf(pattern));
  }

  observe(nameSpace: NameSpace, pattern: string, observer: SymbolObserver): Wildcard {
    const name = nameSpace.nameOf(pattern);
    let wildcard = this.#byName.get(name);
    if (wildcard === undefined) {
      wildcard = { pattern, matches: nameMatcher(nameSpace, pattern), observers: new Set() };
      this.#byName.set(name, wildcard);
    }
    wildcard.observers.add(observer);
    return wildcard;
  }

  unobserve(nameSpace: NameSpace, pattern: string, observer: SymbolObserver): void {
    const name = nameSpace.nameOf(pattern);
    const observers = this.#byName.get(name)?.observers;
    observers?.delete(observer);
    if (observers?.size === 0) this.#byName.delete(name);
  }

  /** Adds the observers of all wildcards that match a name. */
  collectObservers(name: string, observers: Set<SymbolObserver>): void {
    for (const wildcard of this.#byName.values()) {
      if (!wildcard.matches(name)) continue;
      for (const observer of wildcard.observers) observers.add(observer);
    }
  }
}

function nameMatcher(nameSpace: NameSpace, pattern: string): (name: string) => boolean {
  const matches = patternMatcher(pattern);
  return (name) => nameSpace.has(name) && matches(nameSpace.symbolOf(name));
}
