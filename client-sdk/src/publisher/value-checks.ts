export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** Unit of the number: `ms`, `ticks`, `bytes`. */
  readonly unit: string;
  readonly isInteger?: boolean;
}

/**
 * @param name the caller's name for the number
 * @throws TypeError if it is not a number, RangeError if it is out of range
 */
export function checkNumber(name: string, value: unknown, range: NumberRange): void {
  const { min, max, unit, isInteger = false } = range;
  const kind = isInteger ? 'an integer' : 'a number';
  const bounds = max === Number.POSITIVE_INFINITY ? `${min} or more` : `${min} to ${max}`;
  const expected = `${kind} of ${unit}, ${bounds}`;
  if (typeof value !== 'number') throw new TypeError(fault(name, expected, value));
  const isGood = value >= min && value <= max && (!isInteger || Number.isInteger(value));
  if (!isGood) throw new RangeError(fault(name, expected, value));
}

/** @throws TypeError unless the value has one of the types or is undefined */
export function checkType(name: string, value: unknown, types: readonly string[]): void {
  if (value === undefined || types.includes(typeof value)) return;
  throw new TypeError(fault(name, types.map(withArticle).join(' or '), value));
}

/** The error message for an unexpected value. */
export function fault(name: string, expected: string, value: unknown): string {
  return `${name}: expected ${expected}, got ${shownValue(value)}`;
}

function withArticle(type: string): string {
  return type === 'object' ? 'an object' : `a ${type}`;
}

const TEXT_LENGTH_MAX = 80;

/** A value as shown in error messages. */
function shownValue(value: unknown): string {
  if (typeof value === 'string') {
    const isLong = value.length > TEXT_LENGTH_MAX;
    return isLong ? `${JSON.stringify(value.slice(0, TEXT_LENGTH_MAX))}…` : JSON.stringify(value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
