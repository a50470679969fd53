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
  const [left, right] = [shown(expected), shown(got)];
  if (left !== right) throw new Broken(`${what} ${left}`, right);
}

const SHOWN_MAX = 400;

/** A value as it stands in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, inner) => (inner instanceof Map ? [...inner] : inner));
  if (text === undefined) return 'nothing';
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
