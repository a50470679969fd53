import { expect } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { IndependentClient } from '../../testkit/independent/client.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { serverForSuite, serverForTest, startTestServer } from './running-server.ts';
import { SECRET, signed } from './tokens.ts';

/** A token's `tickwire` claim. */
export interface Permissions {
  readonly tenant?: string;
  readonly publish?: readonly string[];
  readonly read?: readonly string[];
  readonly operator?: boolean;
}

export const EVERYTHING: Permissions = { publish: ['*'], read: ['*'], operator: true };

const KEEP_ALL = { logLevel: 'trace' } as const;

function guarded(config: ConfigInput = {}): ConfigInput {
  return { ...config, auth: { jwtSecret: SECRET, clockToleranceMs: 0, ...config.auth } };
}

/** Servers that demand tokens signed with {@link SECRET} and record every log line. */
export const GuardedServer = {
  /** The caller stops it. */
  start: (config?: ConfigInput) => startTestServer(guarded(config), KEEP_ALL),
  startForTest: (config?: ConfigInput) => serverForTest(guarded(config), KEEP_ALL),
  forSuite: (config?: ConfigInput) => serverForSuite(guarded(config), KEEP_ALL),
};

/** A signed token with these permissions and further claims. */
export function tokenFor(tickwire: Permissions, claims: object = {}): Promise<string> {
  return signed({ tickwire, ...claims });
}

/** An `exp` so far ahead. */
export function endingIn(ms: number): { readonly exp: number } {
  return { exp: (Date.now() + ms) / 1000 };
}

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
