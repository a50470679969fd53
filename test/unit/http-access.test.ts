import { expect, it } from 'vitest';
import { HttpAccess } from '../../src/http/access.ts';

type Options = ConstructorParameters<typeof HttpAccess>[0];
type Request = Parameters<HttpAccess['checkRate']>[0];

/** As in the source: held requests at a time. */
const HELD_MAX = 1024;

it('holds so many requests at a time, however many it held before', async () => {
  let limited = 0;
  const security = { limited: () => limited++ } as unknown as Options['security'];
  const access = new HttpAccess({ authenticator: undefined, security, requestsPerSecond: 1e-9 });
  const request = { remoteAddress: '192.0.2.1' } as Request;
  await access.checkRate(request);
  for (let round = 0; round < 3; round++) {
    const answered: number[] = [];
    await Promise.all(
      Array.from({ length: HELD_MAX + 2 }, async (_, i) => {
        await expect(access.checkRate(request)).rejects.toMatchObject({
          response: { status: 429 },
        });
        answered.push(i);
      }),
    );
    // Those beyond are answered at once.
    expect(answered.slice(0, 2)).toEqual([HELD_MAX, HELD_MAX + 1]);
  }
  expect(limited).toBe(3 * (HELD_MAX + 2));
});
