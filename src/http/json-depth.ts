const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Of `[` and `{`, and of `]` and `}`: they differ in one bit, which this sets. */
const ONE_OF_BOTH = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/**
 * Whether arrays and objects in a text of JSON are nested deeper than `depthMax`. What is no JSON may be said to be either; no
 * text takes longer than one pass.
 */
export function isDeeperThan(json: Uint8Array, depthMax: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if ((byte | ONE_OF_BOTH) === OPENING) {
      depth++;
      if (depth > depthMax) return true;
    } else if ((byte | ONE_OF_BOTH) === CLOSING) {
      depth--;
    }
  }
  return false;
}
