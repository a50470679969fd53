import { describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import {
  EVERYTHING,
  endingIn,
  GuardedServer,
  type Permissions,
  secretsOf,
  tokenFor,
  toldTo,
} from '../support/guarded-server.ts';
import { onTransports } from '../support/running-server.ts';
import {
  dialForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';
import { signed } from '../support/tokens.ts';

const TIME = 1_700_000_000_000;
const PATHS = ['/v1/publish', '/v1/stream'] as const;

onTransports((transport) => {
  const guarded = { server: { transport } };

  describe('a session', () => {
    const server = GuardedServer.forSuite(guarded);

    it.each(PATHS)('of %s ends with its token: ERROR 10 and 4010', async (path) => {
      const claims = endingIn(1_500);
      const client = await dialForTest(server.port, path, {
        token: await tokenFor(EVERYTHING, claims),
      });
      await client.ready();
      expect((await client.closing()).code).toBe(4010);
      expect(Date.now()).toBeGreaterThanOrEqual(claims.exp * 1000);
      expect(client.of(Op.ERROR)).toEqual([
        [Op.ERROR, null, Code.unauthorized, 'the token has expired', false, null],
      ]);
    });

    it('goes on where its token is renewed in time, and loses and repeats nothing', async () => {
      const symbol = unique('S');
      const first = endingIn(2_500);
      const claims = { sub: 'feed' };
      const options = { token: await tokenFor(EVERYTHING, { ...claims, ...first }) };
      const publisher = await publisherForTest(server.port, unique('feed'), options);
      const subscriber = await subscriberForTest(server.port, options);
      const counts: unknown[] = [];
      subscriber.onEntry = (_symbol, record) => counts.push(record.count);
      await subscriber.subscribe([symbol]);
      publisher.declare(0, [symbol]);
      const renewed = await tokenFor(EVERYTHING, claims);
      let ticks = 0;
      const isLater = () => Date.now() > first.exp * 1000 + 600;
      while (!isLater()) {
        // Each tick doubles or halves the price: each is an anomaly.
        publisher.publish([{ symbol, price: ticks % 2 === 0 ? 1 : 2, time: TIME + ticks }]);
        ticks++;
        await publisher.acknowledged();
        await subscriber.counted(symbol, ticks);
        if (ticks % 50 === 10)
          for (const one of [publisher, subscriber]) one.send([Op.AUTH, renewed]);
      }
      expect(publisher.lastAck).toMatchObject({ accepted: ticks, rejected: 0, dropped: 0 });
      expect(counts).toEqual(Array.from({ length: ticks }, (_, index) => index + 1));
      await subscriber.until(() => subscriber.lastAnomaly(symbol) === ticks - 1, 'each anomaly');
      expect(subscriber.jumps).toEqual([]);
      expect(subscriber.mirror.fullEntries).toBe(1);
      const { digest, ownDigest } = await subscriber.verify();
      expect(digest).toBe(ownDigest);
      expect([...publisher.of(Op.ERROR), ...subscriber.of(Op.ERROR)]).toEqual([]);
    });

    it.each(PATHS)('of %s does not become that of another: 3 tries, then 4500', async (path) => {
      const claims = { sub: 'one' };
      const token = await tokenFor({ ...EVERYTHING, tenant: 'acme' }, claims);
      const client = await dialForTest(server.port, path, { token });
      await client.ready();
      const others: [Permissions, object][] = [
        [{ ...EVERYTHING, tenant: 'acme' }, { sub: 'two' }],
        [{ ...EVERYTHING, tenant: 'acme.' }, claims],
        [EVERYTHING, claims],
      ];
      for (const [index, [permissions, other]] of others.entries()) {
        await client.ping();
        client.send([Op.AUTH, await tokenFor(permissions, other)]);
        const errors = await client.received(Op.ERROR, index + 1);
        expect(errors[index]?.slice(0, 3)).toEqual([Op.ERROR, null, Code.unauthorized]);
        // A success in between does not reset the count.
        client.send([Op.AUTH, token]);
      }
      expect((await client.closing()).code).toBe(4500);
      expect(client.violations).toEqual([]);
    });

    it('goes on with the token it has where a bad one is refused', async () => {
      const client = await subscriberForTest(server.port, { token: await tokenFor(EVERYTHING) });
      const bad = await signed({}, 'another secret, also long enough for HS256');
      for (const count of [1, 2]) {
        client.send([Op.AUTH, bad]);
        await client.received(Op.ERROR, count);
        await client.subscribe([unique('S')]);
      }
      client.send([Op.AUTH, bad]);
      expect((await client.closing()).code).toBe(4500);
      for (const told of [toldTo(client), server.lines.join('')]) {
        for (const secret of secretsOf(bad)) expect(told).not.toContain(secret);
      }
    });

    it('gets no new allowance by showing the same token again', async () => {
      const claims = { sub: 'reader', tickwire: { read: ['*'], requestsPerSecond: 1 } };
      const token = await signed(claims);
      const subscriber = await subscriberForTest(server.port, { token });
      const begun = performance.now();
      for (let requestId = 1; requestId <= 12; requestId++) {
        subscriber.send([Op.SUBSCRIBE, requestId, ['S']]);
        subscriber.send([Op.AUTH, token]);
        await subscriber.ping();
      }
      const seconds = (performance.now() - begun) / 1000;
      expect(subscriber.of(Op.SUBSCRIBED).length).toBeLessThanOrEqual(2 + seconds);
      const codes = new Set(subscriber.of(Op.ERROR).map(([, , code]) => code));
      expect([...codes]).toEqual([Code.rate_limited]);
    });

    it('reads less with a token that allows less, and more with one that allows more', async () => {
      const prefix = unique('P');
      const [a, b, c] = [`${prefix}-A`, `${prefix}-B`, `${prefix}-C`] as const;
      const claims = { sub: 'reader' };
      const publisher = await publisherForTest(server.port, undefined, {
        token: await tokenFor(EVERYTHING),
      });
      const tick = async () => {
        publisher.publish([a, b, c].map((symbol) => ({ symbol, price: 1, time: TIME })));
        await publisher.acknowledged();
      };
      const reader = await subscriberForTest(server.port, {
        token: await tokenFor({ read: [a, b, `${prefix}-new*`] }, claims),
      });
      const renew = async (read: readonly string[]) => {
        reader.send([Op.AUTH, await tokenFor({ read }, claims)]);
        // A pattern shows when the renewal has applied.
        await expect
          .poll(async () => {
            const [, , codes] = await reader.subscribe([a, b, c]);
            await reader.unsubscribe([a, b, c].filter((symbol) => symbol !== a));
            return codes;
          })
          .toEqual([a, b, c].map((symbol) => (read.includes(symbol) ? 0 : Code.forbidden)));
      };
      await reader.subscribe([`${prefix}*`, a]);
      await tick();
      await reader.counted(a, 1);
      await reader.counted(b, 1);
      expect([...reader.mirror.names.values()].sort()).toEqual([a, b]);
      // Less: exact and wildcard both stop.
      await renew([b]);
      reader.mirror.forget((symbol) => symbol === b);
      const before = reader.mirror.entries;
      await tick();
      await reader.counted(b, 2);
      expect(await reader.verify()).toMatchObject({ symbolCount: 1 });
      expect(reader.mirror.get(a)).toBeUndefined();
      expect(reader.mirror.entries).toBeGreaterThan(before);
      // More: the kept wildcard brings earlier and later symbols.
      await renew([a, b, c, `${prefix}-new`]);
      await reader.counted(c, 2);
      await reader.counted(a, 2);
      publisher.publish([{ symbol: `${prefix}-new`, price: 1, time: TIME }]);
      publisher.publish([{ symbol: `${prefix}-other`, price: 1, time: TIME }]);
      await reader.counted(`${prefix}-new`, 1);
      const verified = await reader.verify();
      expect(verified).toMatchObject({ symbolCount: 4, digest: verified.ownDigest });
    });

    it('publishes less or more as the new token allows', async () => {
      const [a, b] = [unique('S'), unique('S')];
      const claims = { sub: 'feed' };
      const publisher = await publisherForTest(server.port, unique('feed'), {
        token: await tokenFor({ publish: [a] }, claims),
      });
      publisher.declare(0, [a, b]);
      await publisher.received(Op.ERROR);
      const outcome = async () => {
        const { accepted, rejected } = publisher.lastAck;
        const texts = [a, b].flatMap((symbol) => [symbol, 1, TIME]);
        const sequence = publisher.nextSequence++;
        publisher.send([Op.TICKS, sequence, [0, 1, TIME, 1, 1, TIME, ...texts]]);
        const ack = await publisher.acknowledged(sequence);
        const [, of, codes] = publisher.of(Op.REJECT).at(-1) ?? [];
        expect(of === sequence).toBe(ack.rejected > rejected);
        return [ack.accepted - accepted, of === sequence ? codes : []];
      };
      const renew = async (publish: readonly string[], expected: unknown) => {
        publisher.send([Op.AUTH, await tokenFor({ publish }, claims)]);
        await expect.poll(outcome).toEqual(expected);
      };
      const forbidden = Code.forbidden;
      expect(await outcome()).toEqual([2, [1, forbidden, 3, forbidden]]);
      await renew([b], [2, [0, forbidden, 2, forbidden]]);
      await renew([], [0, [0, forbidden, 1, forbidden, 2, forbidden, 3, forbidden]]);
      await renew(['*'], [4, []]);
      await renew([a], [2, [1, forbidden, 3, forbidden]]);
      expect(publisher.of(Op.ERROR)).toHaveLength(1);
    });
  });
});
