import type * as z from 'zod';

const CHARACTERS_MAX = 60;

// JSON.stringify leaves these alone, but terminals and line readers may act on them.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g;

// A token or API key pasted into the wrong place of a key file or claim.
const LOOKS_LIKE_TOKEN = /tw_[\w-]{20}|eyJ[\w-]{10}/;

/** Describes a value that may be a secret: of a string, only the length. */
export function hideValue(value: unknown): string {
  return typeof value === 'string' ? `a string of ${value.length} characters` : showValue(value);
}

/** Describes a value of a token or key file for a message, briefly and on one line. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    return LOOKS_LIKE_TOKEN.test(value) ? hideValue(value) : quote(value);
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  // Not serialized: it may be nested too deeply for that.
  if (typeof value === 'object' && value !== null) return 'an object';
  return `${value as number | boolean | null}`;
}

function quote(text: string): string {
  const json = JSON.stringify(text.slice(0, CHARACTERS_MAX)).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length <= CHARACTERS_MAX ? json : `${json}… (${text.length} characters)`;
}

/**
 * Describes the first issue of a value that a schema refused: the member, the expected and the
 * actual value. Each schema states what it expects in its `error`.
 *
 * @param mayBeSecret whether the value at a path must not be shown
 */
export function describeIssue(
  error: z.ZodError,
  value: unknown,
  mayBeSecret: (path: readonly PropertyKey[]) => boolean = () => false,
): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'is not valid';
  if (issue.code === 'unrecognized_keys') {
    const name = formatPath([...issue.path, ...issue.keys.slice(0, 1)]);
    // Quoted, because the token's author chose the name.
    return `${showValue(name)}: unknown, expected ${issue.message}`;
  }
  const show = mayBeSecret(issue.path) ? hideValue : showValue;
  const place = formatPath(issue.path) || 'the document';
  return `${place}: expected ${issue.message}, got ${show(valueAt(value, issue.path))}`;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null
        ? (at as Record<PropertyKey, unknown>)[step]
        : undefined,
    value,
  );
}

/** Whether a parsed JSON value is an object, not an array or null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
