/** What a session wants of a symbol. */
export interface Wants {
  /** Mask of the statistics; 0: none. */
  readonly fields: number;
  readonly anomalies: boolean;
}

export const ALL_FIELDS = 63;

/** What the regular expressions say, by pattern and symbol: sessions ask for the same over and over. */
const matches = new Map<string, Map<string, boolean>>();

/** Whether a pattern, in which `*` stands for any run of characters, matches a symbol. */
function isMatch(pattern: string, symbol: string): boolean {
  let bySymbol = matches.get(pattern);
  if (bySymbol === undefined) {
    bySymbol = new Map();
    matches.set(pattern, bySymbol);
  }
  let found = bySymbol.get(symbol);
  if (found === undefined) {
    const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
    found = new RegExp(`^${parts.join('.*')}$`, 'su').test(symbol);
    bySymbol.set(symbol, found);
  }
  return found;
}

/** Whether a text may be a pattern. */
function isPattern(text: string): boolean {
  return text !== '' && text.trim() === text && [...text].length <= 32 && !/\p{Cc}/u.test(text);
}

/** The patterns that a session holds, by the rules of the protocol. */
export class HeldWants {
  readonly #held = new Map<string, Wants>();
  readonly #max: number;

  /** @param max patterns that a session may hold */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes in patterns as SUBSCRIBE does. Returns the codes of its answer. */
  hold(patterns: readonly string[], wants: Wants): number[] {
    return patterns.map((pattern) => {
      if (!isPattern(pattern)) return 3;
      if (!this.#held.has(pattern) && this.#held.size >= this.#max) return 8;
      this.#held.set(pattern, wants);
      return 0;
    });
  }

  release(patterns: readonly string[]): number[] {
    return patterns.map((pattern) => {
      if (!isPattern(pattern)) return 3;
      this.#held.delete(pattern);
      return 0;
    });
  }

  /** What all patterns that match want together; undefined where none does. */
  of(symbol: string): Wants | undefined {
    let fields = 0;
    let anomalies = false;
    let isHeld = false;
    for (const [pattern, wants] of this.#held) {
      if (!isMatch(pattern, symbol)) continue;
      isHeld = true;
      fields |= wants.fields;
      anomalies ||= wants.anomalies;
    }
    return isHeld ? { fields, anomalies } : undefined;
  }

  /** Whether one of these patterns matches. */
  isAnyMatch(patterns: readonly string[], symbol: string): boolean {
    return patterns.some((pattern) => isMatch(pattern, symbol));
  }

  /** Whether a pattern wants some statistics but not all. */
  get isPartial(): boolean {
    for (const { fields } of this.#held.values()) {
      if (fields !== 0 && fields !== ALL_FIELDS) return true;
    }
    return false;
  }

  get size(): number {
    return this.#held.size;
  }
}
