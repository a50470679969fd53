/** A promise is broken: what was expected of the client, and what it did. */
export class Broken extends Error {
  override readonly name = 'Broken';

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
  }
}

/** The client says that it does not do this. */
export class NotSupported extends Error {
  override readonly name = 'NotSupported';
}

/** @throws Broken unless it holds */
export function expect(holds: boolean, expected: string, got: () => string): asserts holds {
  if (!holds) throw new Broken(expected, got());
}

/** @throws Broken unless both are the same as JSON */
export function expectSame(what: string, expected: unknown, got: unknown): void {
  const [left, right] = [json(expected), json(got)];
  if (left === right) return;
  // What is the same at the start of long values need not be shown.
  let same = 0;
  while (left[same] === right[same]) same++;
  const from = Math.max(left.length, right.length) > SHOWN_MAX ? Math.max(0, same - LEAD) : 0;
  const part = (text: string) => cut(from === 0 ? text : `…${text.slice(from)}`);
  throw new Broken(`${what} ${part(left)}`, part(right));
}

const SHOWN_MAX = 400;
/** Shown before the first difference, characters. */
const LEAD = 100;

/** A value as it stands in a message. */
export function shown(value: unknown): string {
  return cut(json(value));
}

function json(value: unknown): string {
  const text = JSON.stringify(value, (_, inner) => (inner instanceof Map ? [...inner] : inner));
  return text ?? 'nothing';
}

function cut(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
