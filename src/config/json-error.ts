const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
// JSON forbids the C0 controls in a string, but not the C1 controls, which Cc holds as well.
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;

/** Reads JSON to learn where it goes wrong: not every version of `JSON.parse` says. */
class JsonWalk {
  readonly #text: string;
  /** How far the text is JSON. */
  offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): boolean {
    return this.#value() && this.offset === this.#text.length;
  }

  // Not recursive: a text may nest deeper than calls can.
  #value(): boolean {
    /** What ends the containers that are open, outermost first. */
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

  /** After a value: what ends with it, up to a place where the next one begins. False: it goes on badly. */
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

  /** What comes before the value of a member. */
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

/** Where `text` stops being JSON ("line 3, column 7", from 1); undefined where none of it does. */
export function jsonErrorPosition(text: string): string | undefined {
  const walk = new JsonWalk(text);
  if (walk.document()) return undefined;
  const lines = text.slice(0, walk.offset).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
