import { expect } from 'vitest';
import { IndependentPublisher, type SentTick } from '../../testkit/independent/publisher.ts';
import {
  type ExpectedSymbol,
  expectedMarket,
  type MarketTick,
} from '../../testkit/independent/statistics.ts';
import { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { eventually } from '../../testkit/until.ts';
import { tokenFor } from './guarded-server.ts';
import { symbolsOf, TokenHttp } from './token-http.ts';

/** Ways of publishing. */
export type Way = 'alias' | 'text' | 'http';

/** One tenant and its expected view, derived from its own ticks as if it were alone. */
export class TenantWorld {
  readonly tenant: string;
  readonly #ticks: MarketTick[] = [];
  readonly #sequences = new Map<string, number>();
  /** Port of the first check: another port means a restarted server. */
  #firstPort: number | undefined;
  #http: { readonly port: number; readonly client: TokenHttp } | undefined;

  /** @param tenant empty for the default one */
  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get symbols(): string[] {
    return [...new Set(this.#ticks.map(({ symbol }) => symbol))].sort();
  }

  /** A token to read and publish. */
  token(read: readonly string[] = ['*']): Promise<string> {
    const named = this.tenant === '' ? {} : { tenant: this.tenant };
    return tokenFor({ ...named, publish: ['*'], read }, { sub: 'somebody' });
  }

  /** Connects a publisher; WELCOME must state this tenant's last sequence for that name. */
  async connect(port: number, name: string, json = false): Promise<IndependentPublisher> {
    const token = await this.token();
    const publisher = await IndependentPublisher.connect(port, name, { token, json });
    expect(publisher.welcome).toMatchObject({
      publisher: name,
      sequence: this.#sequences.get(name) ?? 0,
    });
    return publisher;
  }

  /** Publishes valid ticks, all of which are accepted. */
  async publish(
    port: number,
    name: string,
    way: Way,
    ticks: readonly (SentTick & { readonly time: number })[],
    json = false,
  ): Promise<void> {
    this.#ticks.push(...ticks);
    if (way === 'http') {
      const http = await this.#client(port);
      const posted = ticks.map(({ symbol, price, time }) => ({ symbol, price, timestamp: time }));
      expect((await http.post(posted)).json).toEqual({ accepted: ticks.length, rejected: [] });
      return;
    }
    const publisher = await this.connect(port, name, json);
    if (way === 'alias') publisher.declare(3, [...new Set(ticks.map(({ symbol }) => symbol))]);
    const sequence = publisher.publish(ticks);
    const ack = await publisher.acknowledged(sequence);
    expect(ack).toMatchObject({ accepted: ticks.length, rejected: 0, dropped: 0 });
    expect(publisher.violations).toEqual([]);
    publisher.close();
    this.#sequences.set(name, sequence);
  }

  /** Compares the tenant's view with the expectation. */
  async check(port: number): Promise<void> {
    this.#firstPort ??= port;
    const expected = expectedMarket(this.#ticks);
    await this.#checkStream(port, expected);
    await this.#checkHttp(port, expected);
    for (const name of ['feed-a', 'feed-b']) (await this.connect(port, name)).close();
  }

  async #client(port: number): Promise<TokenHttp> {
    if (this.#http?.port !== port) {
      this.#http = { port, client: await TokenHttp.connect(port, await this.token()) };
    }
    return this.#http.client;
  }

  async #checkStream(port: number, expected: ReadonlyMap<string, ExpectedSymbol>): Promise<void> {
    const token = await this.token();
    const subscriber = await IndependentSubscriber.connect(port, { token });
    try {
      const since = Object.fromEntries([...expected.keys()].map((symbol) => [symbol, 0]));
      await subscriber.subscribe(['*'], { since });
      for (const [symbol, { after, anomalies }] of expected) {
        await subscriber.counted(symbol, after.length);
        await subscriber.until(
          () => subscriber.lastAnomaly(symbol) >= anomalies.length,
          `${anomalies.length} anomalies of ${symbol}`,
        );
      }
      const { digest, ownDigest, symbolCount } = await subscriber.verify();
      expect([digest, symbolCount]).toEqual([ownDigest, expected.size]);
      expect([...subscriber.mirror.names.values()].sort()).toEqual(this.symbols);
      for (const [symbol, { after, anomalies }] of expected) {
        const last = after.at(-1);
        expect({ symbol, ...subscriber.mirror.get(symbol) }).toMatchObject({
          symbol,
          price: last?.price,
          count: last?.count,
          time: last?.time,
          min: last?.min,
          max: last?.max,
        });
        const told = subscriber.anomaliesOf(symbol).map(({ sequence, price }) => [sequence, price]);
        const should = anomalies.map(({ sequence, price }) => [sequence, price]);
        // A restarted server may have only the newest in memory: then the sequence jumps, once.
        const isWhole = port === this.#firstPort || told.length === 0;
        expect(told).toEqual(isWhole ? should : should.slice(-told.length));
        const [, , of, page] = await subscriber.history(symbol, 0, 1000);
        expect(of).toBe(symbol);
        expect((page as number[][]).map(([sequence, , , price]) => [sequence, price])).toEqual(
          should,
        );
      }
      expect(subscriber.violations).toEqual([]);
    } finally {
      subscriber.close();
    }
  }

  async #checkHttp(port: number, expected: ReadonlyMap<string, ExpectedSymbol>): Promise<void> {
    const http = await this.#client(port);
    const pages = await http.pages('/api/prices?limit=2');
    expect(pages.flatMap(symbolsOf)).toEqual(this.symbols);
    const anomalies = [...expected].flatMap(([symbol, result]) =>
      result.anomalies.map(({ sequence }) => ({ symbol, sequence })),
    );
    const shown = (items: readonly { readonly symbol: string; readonly sequence?: number }[]) =>
      items.map(({ symbol, sequence }) => `${symbol} ${sequence}`).sort();
    // In `async` mode they reach the disk later, but pending ones are shown too.
    const recent = await eventually(
      () => http.get('/api/anomalies?limit=1000'),
      ({ json }) => json.items.length >= anomalies.length,
    );
    expect(shown(recent.json.items)).toEqual(shown(anomalies));
    const byTime = await http.pages('/api/anomalies?from=0&limit=3');
    expect(shown(byTime.flatMap(({ items }) => items))).toEqual(shown(anomalies));
    for (const symbol of this.symbols) {
      const { json } = await http.get<object>(`/api/prices/${encodeURIComponent(symbol)}`);
      expect(json).toMatchObject({
        symbol,
        updateCount: expected.get(symbol)?.after.length,
        anomaliesDetected: expected.get(symbol)?.anomalies.length,
      });
    }
  }

  /** Other tenants' symbols must not exist for this one. */
  async checkAbsent(port: number, symbols: Iterable<string>): Promise<void> {
    const http = await this.#client(port);
    const own = new Set(this.symbols);
    for (const symbol of symbols) {
      if (own.has(symbol)) continue;
      const path = `/api/prices/${encodeURIComponent(symbol)}`;
      expect((await http.get(path)).status).toBe(404);
      expect((await http.get(`${path}/anomalies`)).status).toBe(404);
    }
  }
}
