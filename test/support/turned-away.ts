import { expect } from 'vitest';
import type { IndependentClient } from '../../testkit/independent/client.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';

/** Everything that a client was told, frames and the reason of its close. */
export function toldTo(client: IndependentClient): string {
  return JSON.stringify([client.frames, client.closed]);
}

/** Pieces of a token that give it away: its parts, and the whole. */
export function secretsOf(token: string): string[] {
  return [token, ...token.split('.')].filter((part) => part.length > 8);
}

/** It was told of ERROR 10 alone, and closed with 4500. */
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
