import { patternMatcher } from '../../src/protocol/index.ts';

interface Held {
  readonly matches: (symbol: string) => boolean;
  readonly wantsStats: boolean;
}

/** The patterns that a session holds, as the server confirmed them. */
export class HeldPatterns {
  readonly #held = new Map<string, Held>();

  /** Takes a confirmed pattern; one held before gets the new options. */
  hold(pattern: string, wantsStats: boolean): void {
    this.#held.set(pattern, { matches: patternMatcher(pattern), wantsStats });
  }

  release(pattern: string): void {
    this.#held.delete(pattern);
  }

  /** Whether statistics of the symbol come to this session. */
  covers(symbol: string): boolean {
    const exact = this.#held.get(symbol);
    if (exact?.wantsStats) return true;
    for (const { matches, wantsStats } of this.#held.values()) {
      if (wantsStats && matches(symbol)) return true;
    }
    return false;
  }
}
