import { isDeepStrictEqual } from 'node:util';
import { Violation } from '../engine/target.ts';

/** @throws Violation when two readers of the same bytes do not say the same */
export function expectSame(what: string, one: unknown, other: unknown): void {
  if (isDeepStrictEqual(one, other)) return;
  throw new Violation(`${what}: ${shown(one)} and ${shown(other)}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof Map ? [...inner] : inner,
  );
  return String(text).slice(0, 200);
}
