/** A promise that the server broke, seen by an oracle. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly oracle: string;

  /** @param oracle which promise, in a few words; `detail` tells the values */
  constructor(oracle: string, detail: string) {
    super(detail);
    this.oracle = oracle;
  }
}

let first: Violation | undefined;

/** The first one since it was last asked for: also where the server's own code caught it. */
export function takeViolation(): Violation | undefined {
  const taken = first;
  first = undefined;
  return taken;
}

/** Breaks the run off: a promise was broken. */
export function breakOff(oracle: string, detail: string): never {
  const violation = new Violation(oracle, detail);
  first ??= violation;
  throw violation;
}

/** Breaks the run off unless a promise holds; `detail` is asked for only then. */
export function expectThat(holds: boolean, oracle: string, detail: () => string): void {
  if (!holds) breakOff(oracle, detail());
}

/** Anything thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
