import { expect } from 'vitest';
import type { IndependentClient } from '../../testkit/independent/client.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';

/** Everything a client received: frames and close reason. */
export function toldTo(client: IndependentClient): string {
  return JSON.stringify([client.frames, client.closed]);
}

/** Parts of a token that reveal it, and the whole. */
export function secretsOf(token: string): string[] {
  return [token, ...token.split('.')].filter((part) => part.length > 8);
}

/** Expects only ERROR 10, then close code 4500. */
export async function expectTurnedAway(client: IndependentClient, message: RegExp): Promise<void> {
  const { code, reason } = await client.closing();
  expect(code).toBe(4500);
  expect(reason).toMatch(message);
  const frames = client.frames.filter(([op]) => op !== Op.ERROR);
  expect(frames).toEqual([]);
  const [error] = client.of(Op.ERROR).slice(-1);
  expect(error).toEqual([
    Op.ERROR,
    null,
    Code.unauthorized,
    expect.stringMatching(message),
    false,
    null,
  ]);
}
