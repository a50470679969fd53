/** A number in a range. */
export interface NumberRange {
  readonly min: number;
  /** Default: no limit. */
  readonly max?: number;
  /** Unit of the number: `ms`, `ticks`, `bytes`. */
  readonly unit: string;
  readonly isInteger?: boolean;
}

/**
 * What a value must be: a number in a range; one of some types by `typeof`, or strings in quotes;
 * or what a function does not throw for. As data, so that bundlers can drop what is not used.
 */
export type Rule = NumberRange | readonly string[] | ((name: string, value: unknown) => void);

/** A rule for every option of a kind. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule };

/**
 * Checks each option that is not undefined.
 *
 * @throws TypeError for what is not an object of options, or an unknown option; or as {@link check}
 */
export function checkOptions<Options>(options: Options, rules: Rules<Options>): void {
  check('options', options, ['object']);
  for (const [name, value] of Object.entries(options as object)) {
    const path = `options.${name}`;
    const known = Object.keys(rules);
    if (!known.includes(name)) throw unknownName(path, 'option', name, known);
    if (value !== undefined) check(path, value, rules[name as keyof Options]);
  }
}

/**
 * @param name the caller's name for the value
 * @throws TypeError if it has the wrong type, RangeError if it is a number out of range; both say
 *   what was expected and what came
 */
export function check(name: string, value: unknown, rule: Rule): void {
  if (typeof rule === 'function') rule(name, value);
  else if ('unit' in rule) checkNumber(name, value, rule);
  else {
    const isType = value !== null && rule.includes(typeof value);
    if (isType || (typeof value === 'string' && rule.includes(`"${value}"`))) return;
    throw new TypeError(fault(name, rule.map(withArticle).join(' or '), value));
  }
}

function checkNumber(name: string, value: unknown, range: NumberRange): void {
  const { min, max = Number.POSITIVE_INFINITY, unit, isInteger } = range;
  const isNumber = typeof value === 'number';
  if (isNumber && value >= min && value <= max && (!isInteger || Number.isInteger(value))) return;
  const Fault = isNumber ? RangeError : TypeError;
  const kind = isInteger ? 'an integer' : 'a number';
  const bounds = range.max === undefined ? `${min} or more` : `${min} to ${max}`;
  throw new Fault(fault(name, `${kind} of ${unit}, ${bounds}`, value));
}

/** The error message for an unexpected value. */
export function fault(name: string, expected: string, value: unknown): string {
  return `${name}: expected ${expected}, got ${shownValue(value)}`;
}

/** The error for a name that is none of those known; suggests the one that begins most alike. */
export function unknownName(
  path: string,
  kind: string,
  name: string,
  known: readonly string[],
): TypeError {
  const [closest = ''] = [...known].sort((a, b) => commonStart(b, name) - commonStart(a, name));
  const hint =
    commonStart(closest, name) >= ALIKE
      ? `did you mean ${closest}?`
      : `expected one of ${known.join(', ')}`;
  return new TypeError(`${path}: unknown ${kind}, ${hint}`);
}

/** Letters that a name and its suggestion must have in common. */
const ALIKE = 3;

function commonStart(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i]?.toLowerCase() === b[i]?.toLowerCase()) i++;
  return i;
}

function withArticle(type: string): string {
  if (type.startsWith('"')) return type;
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
