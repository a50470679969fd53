const TEXT_LENGTH_MAX = 80;

/** A value as it is told in an error message. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') {
    const isLong = value.length > TEXT_LENGTH_MAX;
    return isLong ? `${JSON.stringify(value.slice(0, TEXT_LENGTH_MAX))}…` : JSON.stringify(value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
