import type * as z from 'zod';
import { hiddenClaim, shownClaim } from './shown-claim.ts';

function pathText(path: readonly PropertyKey[]): string {
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

/**
 * The first fault of what a schema refused, as a sentence without its end: which member, what was
 * expected, what came. Each schema says what it expects in its `error`.
 *
 * @param mayBeSecret whether what came at a place is shown to nobody
 */
export function describeInvalidClaim(
  error: z.ZodError,
  value: unknown,
  mayBeSecret: (path: readonly PropertyKey[]) => boolean = () => false,
): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'is not valid';
  if (issue.code === 'unrecognized_keys') {
    const name = pathText([...issue.path, ...issue.keys.slice(0, 1)]);
    // Quoted, because whoever made the token chose it.
    return `${shownClaim(name)}: unknown, expected ${issue.message}`;
  }
  const came = (mayBeSecret(issue.path) ? hiddenClaim : shownClaim)(valueAt(value, issue.path));
  return `${pathText(issue.path) || 'the whole'}: expected ${issue.message}, got ${came}`;
}
