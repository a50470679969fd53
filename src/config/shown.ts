const LENGTH_MAX = 60;

/** A value as a message shows it: as JSON where it can be, cut where it is long. */
export function shown(value: unknown): string {
  const text =
    typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? jsonOf(value)
      : String(value);
  return cutShort(text);
}

/** A text as a message shows it: cut where it is long. */
export function cutShort(text: string): string {
  return text.length <= LENGTH_MAX ? text : `${text.slice(0, LENGTH_MAX)}…`;
}

function jsonOf(value: string | object): string {
  try {
    return JSON.stringify(value);
  } catch {
    // Nested deeper than can be written out.
    return Array.isArray(value) ? 'an array' : 'an object';
  }
}
