const CHARACTERS_MAX = 60;

// What JSON.stringify leaves as it is, and a terminal or a reader of lines may obey.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g;

// A token or an API key in the wrong place, as a file of keys or a claim may have it.
const LOOKS_LIKE_TOKEN = /tw_[\w-]{20}|eyJ[\w-]{10}/;

/** A value as a message shows it where it may be a secret: of a text, the length alone. */
export function hiddenClaim(value: unknown): string {
  return typeof value === 'string' ? `a text of ${value.length} characters` : shownClaim(value);
}

/** A value of a token or a file of keys, as a message shows it: short, and of one line. */
export function shownClaim(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    return LOOKS_LIKE_TOKEN.test(value) ? hiddenClaim(value) : shownText(value);
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  // Not shown in full: it may be nested deeper than can be written out.
  if (typeof value === 'object' && value !== null) return 'an object';
  return `${value as number | boolean | null}`;
}

function shownText(text: string): string {
  const json = JSON.stringify(text.slice(0, CHARACTERS_MAX)).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length <= CHARACTERS_MAX ? json : `${json}… (${text.length} characters)`;
}
