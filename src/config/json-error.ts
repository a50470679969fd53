const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
// In strings, JSON forbids the C0 controls but not the C1 controls, which Cc includes.
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;

/** Finds the first error in JSON text, which not every version of `JSON.parse` reports. */
class JsonWalk {
  readonly #text: string;
  /** The length of the valid prefix. */
  offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): boolean {
    return this.#value() && this.offset === this.#text.length;
  }

  // Not recursive: a document may nest deeper than the stack.
  #value(): boolean {
    /** The closing characters of the open containers, outermost first. */
    const ends: string[] = [];
    do {
      this.#take(SPACE);
      const end = this.#character('{') ? '}' : this.#character('[') ? ']' : undefined;
      if (end === undefined) {
        if (!this.#scalar()) return false;
      } else {
        this.#take(SPACE);
        if (!this.#character(end)) {
          ends.push(end);
          if (end === '}' && !this.#name()) return false;
          continue;
        }
      }
      if (!this.#close(ends)) return false;
    } while (ends.length > 0);
    return true;
  }

  /** Closes the containers that end after a value, up to the start of the next value. */
  #close(ends: string[]): boolean {
    this.#take(SPACE);
    for (let end = ends.at(-1); end !== undefined; end = ends.at(-1)) {
      if (this.#character(',')) return end === ']' || this.#name();
      if (!this.#character(end)) return false;
      ends.pop();
      this.#take(SPACE);
    }
    return true;
  }

  #scalar(): boolean {
    return this.#take(STRING) || this.#take(NUMBER) || this.#take(WORD);
  }

  /** The name and colon of a member. */
  #name(): boolean {
    this.#take(SPACE);
    if (!this.#take(STRING)) return false;
    this.#take(SPACE);
    return this.#character(':');
  }

  #character(character: string): boolean {
    if (this.#text[this.offset] !== character) return false;
    this.offset += 1;
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.offset;
    if (!pattern.test(this.#text)) return false;
    this.offset = pattern.lastIndex;
    return true;
  }
}

/**
 * The position where `text` stops being JSON, as "line 3, column 7", from 1; undefined if it is
 * JSON.
 */
export function jsonErrorPosition(text: string): string | undefined {
  const walk = new JsonWalk(text);
  if (walk.document()) return undefined;
  const lines = text.slice(0, walk.offset).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
