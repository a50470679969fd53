import { ALL_FIELDS, Code, patternRegExp } from '../../testkit/independent/protocol.ts';

/** What a session wants of a symbol. */
export interface Interest {
  /** Mask of the statistics; 0: none. */
  readonly fields: number;
  readonly anomalies: boolean;
}

/** Matches by pattern and symbol: sessions ask for the same over and over. */
const matches = new Map<string, Map<string, boolean>>();

function isMatch(pattern: string, symbol: string): boolean {
  let bySymbol = matches.get(pattern);
  if (bySymbol === undefined) {
    bySymbol = new Map();
    matches.set(pattern, bySymbol);
  }
  let found = bySymbol.get(symbol);
  if (found === undefined) {
    found = patternRegExp(pattern).test(symbol);
    bySymbol.set(symbol, found);
  }
  return found;
}

function isPattern(text: string): boolean {
  return text !== '' && text.trim() === text && [...text].length <= 32 && !/\p{Cc}/u.test(text);
}

/** The patterns that a session holds, by the rules of the protocol. */
export class SessionInterest {
  readonly #held = new Map<string, Interest>();
  readonly #max: number;

  /** @param max patterns that a session may hold */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes the patterns of a SUBSCRIBE. Returns the codes of its answer. */
  hold(patterns: readonly string[], interest: Interest): number[] {
    return patterns.map((pattern) => {
      if (!isPattern(pattern)) return Code.bad_symbol;
      if (!this.#held.has(pattern) && this.#held.size >= this.#max) return Code.subscription_limit;
      this.#held.set(pattern, interest);
      return 0;
    });
  }

  release(patterns: readonly string[]): number[] {
    return patterns.map((pattern) => {
      if (!isPattern(pattern)) return Code.bad_symbol;
      this.#held.delete(pattern);
      return 0;
    });
  }

  /** What all patterns that match want together; undefined where none does. */
  of(symbol: string): Interest | undefined {
    const found = [...this.#held].filter(([pattern]) => isMatch(pattern, symbol));
    if (found.length === 0) return undefined;
    return {
      fields: found.reduce((fields, [, interest]) => fields | interest.fields, 0),
      anomalies: found.some(([, { anomalies }]) => anomalies),
    };
  }

  isAnyMatch(patterns: readonly string[], symbol: string): boolean {
    return patterns.some((pattern) => isMatch(pattern, symbol));
  }

  /** Whether a pattern wants some statistics but not all. */
  get isPartial(): boolean {
    return [...this.#held.values()].some(({ fields }) => fields !== 0 && fields !== ALL_FIELDS);
  }
}
