import { beforeAll, describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { GuardedServer, tokenFor } from '../support/guarded-server.ts';
import { onTransports } from '../support/running-server.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { TenantWorld } from '../support/tenant-world.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';
import { symbolsOf, TokenHttp } from '../support/token-http.ts';

const TIME = 1_700_000_000_000;
/** One is a prefix of another, one has the maximum length. */
const TENANTS = ['', 'a', 'a.', 'aa', 'acme', 'x'.repeat(32)];
/** Internal separator before a tenant's symbols. */
const MARK = '\u0001';
const LONGEST = '😀'.repeat(32);

const prefixOf = (tenant: string) => (tenant === '' ? '' : `${MARK}${tenant}${MARK}`);

/** Attempts of one tenant to reach another's symbol. */
function attacksOn(victim: string, symbol: string): string[] {
  const prefix = prefixOf(victim);
  return [
    `${prefix}${symbol}`,
    `${MARK}${victim}${MARK}${symbol}`,
    `${MARK}${MARK}${symbol}`,
    `${MARK}${symbol}`,
    `${symbol}${MARK}`,
    `x${MARK}${victim}${MARK}${symbol}`,
    `\u0000${symbol}`,
    `\u0085${symbol}`,
  ].filter((attack) => attack !== symbol);
}

const patternsOn = (victim: string) => [
  `${MARK}${victim}${MARK}*`,
  `${MARK}*`,
  `*${MARK}*`,
  `${MARK}${victim}*`,
];

onTransports((transport) => {
  const folder = new StoreFolder();
  const server = GuardedServer.forSuite({
    server: { transport, badFramesMax: 1000 },
    store: { directory: folder.path },
  });
  const worlds = TENANTS.map((tenant) => new TenantWorld(tenant));

  beforeAll(async () => {
    for (const [index, world] of worlds.entries()) {
      const symbols = ['S', `only-${index}`, LONGEST];
      // Distinct prices reveal a mix-up; each tenant's second is an anomaly.
      for (const factor of [1, 2]) {
        const ticks = symbols.map((symbol) => ({
          symbol,
          price: factor * (index + 1),
          time: TIME + factor,
        }));
        await world.publish(server.port, 'feed-a', factor === 1 ? 'alias' : 'text', ticks);
      }
    }
    return () => folder[Symbol.dispose]();
  });

  it('each tenant has its own symbols, anomalies, publishers', async () => {
    const all = new Set(worlds.flatMap(({ symbols }) => symbols));
    for (const world of worlds) {
      await world.check(server.port);
      await world.checkAbsent(server.port, all);
    }
  });

  it('publishers of one name in two tenants are distinct: no takeover', async () => {
    const publishers = [];
    for (const world of worlds) publishers.push(await world.connect(server.port, 'same'));
    for (const publisher of publishers) {
      publisher.send([Op.PING, 1]);
      await publisher.answer(Op.PONG, 1);
      expect(publisher.closed).toBeUndefined();
    }
    const [first] = worlds;
    const newer = await first?.connect(server.port, 'same');
    expect((await publishers[0]?.closing())?.code).toBe(4004);
    for (const publisher of publishers.slice(1)) {
      await publisher.ping();
      publisher.close();
    }
    newer?.close();
  });

  describe.each(worlds)('from tenant "$tenant"', (world) => {
    const attacks = worlds
      .filter((victim) => victim !== world)
      .flatMap((victim) => [
        ...attacksOn(victim.tenant, 'S'),
        ...attacksOn(victim.tenant, victim.symbols[0] ?? `only-${worlds.indexOf(victim)}`),
      ]);
    const patterns = worlds.flatMap(({ tenant }) => patternsOn(tenant));

    it('control characters in subscriptions and histories reach nothing', async () => {
      const subscriber = await subscriberForTest(server.port, { token: await world.token() });
      const since = Object.fromEntries([...attacks, 'S'].map((symbol) => [symbol, 0]));
      const tried = [...attacks, ...patterns];
      const [, , codes] = await subscriber.subscribe(tried, { since });
      expect(codes).toEqual(tried.map(() => Code.bad_symbol));
      expect(await subscriber.verify()).toMatchObject({ symbolCount: 0 });
      for (const symbol of attacks) {
        const [op, , code] = await subscriber.history(symbol, 0, 10);
        expect([op, code]).toEqual([Op.ERROR, Code.bad_symbol]);
      }
      // Unsubscribing takes nothing from their owner.
      const holders = await Promise.all(
        worlds.map(async (other) => {
          const holder = await subscriberForTest(server.port, { token: await other.token() });
          await holder.subscribe(['*', 'S']);
          return holder;
        }),
      );
      await subscriber.unsubscribe([...tried, '*', 'S']);
      for (const holder of holders) expect(await holder.verify()).toMatchObject({ symbolCount: 3 });
      expect(subscriber.mirror.names.size).toBe(0);
      expect(subscriber.anomalies).toEqual([]);
    });

    it('control characters in ticks, aliases and bodies are no symbols', async () => {
      const token = await world.token();
      for (const json of [false, true]) {
        const publisher = await publisherForTest(server.port, undefined, { token, json });
        publisher.send([Op.ALIAS, 0, attacks]);
        expect((await publisher.received(Op.ERROR))[0]?.[2]).toBe(Code.bad_symbol);
        const some = attacks.slice(0, 40);
        publisher.send([Op.TICKS, 1, some.flatMap((symbol) => [symbol, 9999, TIME + 3])]);
        publisher.send([Op.TICKS, 2, some.flatMap((_, alias) => [alias, 9999, TIME + 3])]);
        const { accepted, rejected } = await publisher.acknowledged(2);
        expect([accepted, rejected]).toEqual([0, 2 * some.length]);
        expect(publisher.of(Op.REJECT)).toEqual([
          [Op.REJECT, 1, some.flatMap((_, index) => [index, Code.bad_symbol])],
          [Op.REJECT, 2, some.flatMap((_, index) => [index, Code.unknown_alias])],
        ]);
      }
      const http = await TokenHttp.connect(server.port, token);
      const bodies = attacks.map((symbol) => ({ symbol, price: 9999 }));
      const { json } = await http.post<{ accepted: number; rejected: readonly unknown[] }>(bodies);
      expect([json.accepted, json.rejected.length]).toEqual([0, bodies.length]);
      expect((await http.post(bodies[0])).status).toBe(400);
    });

    it('control characters in paths and queries find nothing', async () => {
      const http = await TokenHttp.connect(server.port, await world.token());
      for (const symbol of attacks) {
        const path = `/api/prices/${encodeURIComponent(symbol)}`;
        expect([path, (await http.get(path)).status]).toEqual([path, 404]);
        expect((await http.get(`${path}/anomalies`)).status).toBe(404);
      }
      const own = world.symbols;
      for (const text of [...attacks, ...patterns, MARK, `${MARK}${MARK}`, '\u0002', '\uffff']) {
        const escaped = encodeURIComponent(text);
        for (const name of ['symbol', 'symbols']) {
          for (const path of ['/api/prices', '/api/anomalies']) {
            const named = await http.get(`${path}?${name}=${escaped}`);
            const found = named.status === 200 ? symbolsOf(named.json) : named.status;
            expect([[], 400]).toContainEqual(found);
          }
        }
        const listed = await http.get(`/api/prices?prefix=${escaped}`);
        expect([escaped, symbolsOf(listed.json)]).toEqual([escaped, []]);
        const rest = symbolsOf((await http.get(`/api/prices?after=${escaped}`)).json);
        expect([escaped, rest]).toEqual([escaped, own.filter((symbol) => symbol > text)]);
      }
    });

    it('the cursor of one tenant shows another nothing of its', async () => {
      const token = await world.token();
      const http = await TokenHttp.connect(server.port, token);
      for (const other of worlds) {
        const foreign = http.with(await other.token());
        const pages = await foreign.pages('/api/anomalies?from=0&limit=1');
        for (const { next } of pages) {
          if (next === null) continue;
          const { status, json } = await http.get(`/api/anomalies?limit=1000&after=${next}`);
          expect(status).toBe(200);
          for (const { symbol } of json.items) expect(world.symbols).toContain(symbol);
        }
      }
    });
  });

  it('nothing that was tried has come to be anywhere', async () => {
    const http = await TokenHttp.connect(server.port, await tokenFor({ operator: true }));
    const { json } = await http.get<{ symbols: number }>('/api/statistics');
    expect(json.symbols).toBe(3 * worlds.length);
    for (const world of worlds) await world.check(server.port);
  });
});

it('over restarts tenants stay apart, in snapshots and in the store', async () => {
  using folder = new StoreFolder();
  const config = { store: { directory: folder.path } };
  const worlds = TENANTS.map((tenant) => new TenantWorld(tenant));
  for (const round of [1, 2, 3]) {
    const server = await GuardedServer.start(config);
    try {
      for (const [index, world] of worlds.entries()) {
        // Some tenants pause for a round: their symbols come from the snapshot alone.
        if ((index + round) % 3 === 0) continue;
        const ticks = ['S', LONGEST, `round-${round}`].map((symbol) => ({
          symbol,
          price: 10 * round + index,
          time: TIME + 100 * round,
        }));
        await world.publish(server.port, 'feed-a', round === 2 ? 'http' : 'text', ticks);
      }
      for (const world of worlds) await world.check(server.port);
    } finally {
      await server.stop();
    }
  }
});
