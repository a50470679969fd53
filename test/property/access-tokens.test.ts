import { expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { authenticatorOf, compact, refusal, SECRET, signed } from '../support/tokens.ts';

it('refuses whatever is not signed, and never fails otherwise', async () => {
  const authenticator = await authenticatorOf({ jwtSecret: SECRET });
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.array(fc.base64String({ maxLength: 60 }), { maxLength: 4 }).map((parts) => parts.join('.')),
    fc
      .tuple(fc.jsonValue(), fc.jsonValue(), fc.base64String({ maxLength: 60 }))
      .map((parts) => compact(...parts)),
    fc
      .tuple(
        fc.record({ alg: fc.constantFrom('HS256', 'none', 'RS256'), kid: fc.jsonValue() }),
        fc.jsonValue(),
        fc.constantFrom('', 'AAAA', 'A'.repeat(43)),
      )
      .map((parts) => compact(...parts)),
  );
  await fc.assert(
    fc.asyncProperty(anything, async (token) => {
      expect(await refusal(authenticator, token)).not.toBe('');
    }),
    { numRuns: 400 },
  );
});

it('refuses a token of which any letter was changed', async () => {
  const authenticator = await authenticatorOf({ jwtSecret: SECRET });
  const token = await signed({ tickwire: { read: ['*'] } });
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const change = fc.tuple(fc.nat(token.length - 1), fc.constantFrom(...letters));
  await fc.assert(
    fc.asyncProperty(change, async ([at, letter]) => {
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      const decoded = (text: string) =>
        text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
      // A part's last letter has unused bits: only signed content counts.
      fc.pre(decoded(changed).join('.') !== decoded(token).join('.'));
      await refusal(authenticator, changed);
    }),
    { numRuns: 200 },
  );
});

it('makes of any claims an identity or a refusal that names the claim', async () => {
  const authenticator = await authenticatorOf({ jwtSecret: SECRET });
  const claims = fc.record(
    {
      sub: fc.oneof(fc.constant('someone'), fc.jsonValue({ maxDepth: 1 })),
      tickwire: fc.oneof(
        fc.record(
          {
            tenant: fc.oneof(fc.constant('acme'), fc.jsonValue({ maxDepth: 1 })),
            publish: fc.oneof(fc.array(fc.string()), fc.jsonValue({ maxDepth: 1 })),
            operator: fc.oneof(fc.boolean(), fc.jsonValue({ maxDepth: 0 })),
            ticksPerSecond: fc.oneof(fc.integer(), fc.jsonValue({ maxDepth: 0 })),
          },
          { requiredKeys: [] },
        ),
        fc.jsonValue({ maxDepth: 2 }),
      ),
    },
    { requiredKeys: ['sub'] },
  );
  await fc.assert(
    fc.asyncProperty(claims, async (given) => {
      const token = await signed(given);
      const identity = await authenticator.authenticate(token).catch(() => undefined);
      if (identity === undefined) {
        expect(await refusal(authenticator, token)).toMatch(/^claim "?(sub|tickwire)/);
        return;
      }
      expect(identity.subject).toBe(given.sub);
      expect(identity.tenant).toMatch(/^[A-Za-z0-9._-]{0,32}$/);
      const { operator } = (given.tickwire ?? {}) as { operator?: unknown };
      expect(identity.isOperator).toBe(operator === true);
    }),
    { numRuns: 200 },
  );
});
