const CHARACTERS_MAX = 60;

/** A JSON value that came from a client, as text for a message to it: short, whatever it is. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return shownText(value);
  if (Array.isArray(value)) return 'an array';
  // Not shown in full: it may be nested deeper than can be written out.
  if (typeof value === 'object' && value !== null) return 'an object';
  return `${value as number | boolean | null}`;
}

function shownText(text: string): string {
  if (text.length <= CHARACTERS_MAX) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, CHARACTERS_MAX))}… (${text.length} characters)`;
}
