import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import { until } from '../../testkit/until.ts';
import { EventReader, type ReadEvent } from '../support/event-reader.ts';
import { ConfigFolder } from '../support/folders.ts';
import { onTransports, startTestServer, type TestServer } from '../support/running-server.ts';
import { publisherForTest } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;
const SSE = { accept: 'text/event-stream' };

/** Every move of more than 1.5 % from one tick to the next, to either side. */
const RULES = {
  rules: [{ name: 'print', kind: 'gap', symbols: ['*'], warning: '1.5%', episode: null }],
};

/** Ticks that swing by 3 %: each after the first is an anomaly and an alert. */
function swings(symbol: string, count: number, from = 0) {
  return Array.from({ length: count }, (_, i) => ({
    symbol,
    price: (from + i) % 2 === 0 ? 100 : 103,
    time: TIME + from + i,
  }));
}

const nameOf = ({ type, data }: ReadEvent) => [type, data.symbol, data.sequence].join(' ');

/** What alerts and anomalies a reader got, in order: `alert S 1`. */
function told(reader: EventReader, ...types: string[]): string[] {
  return reader.events.filter(({ type }) => types.includes(type)).map(nameOf);
}

/** Names of a symbol's alerts or anomalies, in order. */
function numbered(type: string, symbol: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${type} ${symbol} ${first + i}`);
}

onTransports((transport) => {
  const folder = () => {
    const made = new ConfigFolder();
    onTestFinished(() => made[Symbol.dispose]());
    made.write('rules.json', RULES);
    return made.path;
  };

  async function start(path: string, config: ConfigInput = {}): Promise<TestServer> {
    const rules = { file: join(path, 'rules.json') };
    const server = await startTestServer({ server: { transport }, rules, ...config });
    onTestFinished(() => server.stop());
    return server;
  }

  const feed = (port: number, name = 'feed') => publisherForTest(port, name);

  describe('alerts on GET /api/stream', () => {
    it.each([
      ['server-sent events', SSE],
      ['JSON lines', {}],
    ])('come as they are in GET /api/alerts, as %s', async (_name, headers) => {
      const { port } = await start(folder());
      const publisher = await feed(port);
      const query = 'symbols=S,P-*&statistics=false&anomalies=false&alerts=true';
      const reader = await EventReader.open(port, query, headers);
      await reader.received('welcome', 1);
      await publisher.publishAll([...swings('S', 3), ...swings('P-A', 2), ...swings('X', 2)]);
      const alerts = await reader.received('alert', 3);
      const answer = await fetch(`http://127.0.0.1:${port}/api/alerts?symbols=S,P-*`);
      const { items } = (await answer.json()) as { items: object[] };
      expect(alerts).toEqual(items.reverse());
      expect(alerts[0]).toEqual({
        symbol: 'S',
        sequence: 1,
        rule: 'print',
        episode: 1,
        phase: 'start',
        level: 'warning',
        direction: 'Up',
        reference: 100,
        price: 103,
        changePercent: 3,
        time: new Date(TIME + 1).toISOString(),
        startTime: new Date(TIME + 1).toISOString(),
        peak: 103,
        count: 1,
      });
      const ids = reader.events.flatMap(({ id }) => id ?? []);
      expect(new Set(ids).size).toBe(3);
      expect(told(reader, 'anomaly')).toEqual([]);
    });

    it('do not come unless asked for, and ids are then as ever', async () => {
      const { port } = await start(folder());
      const reader = await EventReader.open(port, 'symbols=S', SSE);
      await reader.received('welcome', 1);
      await (await feed(port)).publishAll(swings('S', 3));
      await reader.received('anomaly', 2);
      expect(told(reader, 'anomaly', 'alert')).toEqual(numbered('anomaly', 'S', 1, 2));
      const [first = '', second = ''] = reader.events.flatMap(({ id }) => id ?? []);
      expect(first).toMatch(/^[0-9A-Za-z_-]+-0$/);
      expect(second).toBe(first.replace(/0$/, '1'));
    });

    it('go on after the last event of either kind', async () => {
      const { port } = await start(folder());
      const publisher = await feed(port);
      const query = 'symbols=S,T&statistics=false&alerts=true';
      const reader = await EventReader.open(port, query, SSE);
      await reader.received('welcome', 1);
      await publisher.publishAll(swings('S', 4));
      await reader.received('anomaly', 3);
      await reader.received('alert', 3);
      reader.close();
      await publisher.publishAll([...swings('S', 2, 4), ...swings('T', 2), ...swings('X', 2)]);
      const all = [
        ...numbered('alert', 'S', 1, 5),
        'alert T 1',
        ...numbered('anomaly', 'S', 1, 5),
        'anomaly T 1',
      ];
      // Whatever event was the last, what it and those before brought is not sent again.
      for (const [at, { id }] of reader.events.entries()) {
        if (id === undefined) continue;
        const had = reader.events.slice(0, at + 1).filter((event) => event.id !== undefined);
        const before = had.map(nameOf);
        const again = await EventReader.open(port, query, { ...SSE, 'last-event-id': id });
        await until(() => told(again, 'alert', 'anomaly').length >= all.length - before.length);
        expect([...before, ...told(again, 'alert', 'anomaly')].sort(), id).toEqual(all);
        expect(told(again, 'gap', 'alertGap')).toEqual([]);
        again.close();
      }
    });

    it('go on in a stream of anomalies, and anomalies in one of alerts', async () => {
      const { port } = await start(folder());
      const publisher = await feed(port);
      const both = await EventReader.open(port, 'symbols=S&statistics=false&alerts=true', SSE);
      await both.received('welcome', 1);
      await publisher.publishAll(swings('S', 3));
      await both.received('anomaly', 2);
      await both.received('alert', 2);
      const id = both.events.at(-1)?.id ?? '';
      await publisher.publishAll(swings('S', 1, 3));
      const open = (query: string) =>
        EventReader.open(port, `symbols=S&statistics=false&${query}&lastEventId=${id}`);
      const anomalies = await open('alerts=false');
      const alerts = await open('alerts=true&anomalies=false');
      await anomalies.received('anomaly', 1);
      await alerts.received('alert', 1);
      expect(told(anomalies, 'alert', 'anomaly')).toEqual(['anomaly S 3']);
      expect(told(alerts, 'alert', 'anomaly')).toEqual(['alert S 3']);
    });

    it('say that alerts are missing after an event of another server', async () => {
      const { port } = await start(folder());
      const query = 'symbols=S&alerts=true&lastEventId=another.7.8';
      const reader = await EventReader.open(port, query);
      const [gap] = await reader.received('gap', 1);
      const [alertGap] = await reader.received('alertGap', 1);
      expect(gap?.detail).toContain('GET /api/anomalies');
      expect(alertGap?.detail).toContain('GET /api/alerts');
      await (await feed(port)).publishAll(swings('S', 2));
      await reader.received('alert', 1);
      const id = reader.events.findLast((event) => event.id !== undefined)?.id;
      const next = await EventReader.open(port, `symbols=S&alerts=true&lastEventId=${id}`);
      await (await feed(port, 'feed-2')).publishAll(swings('S', 1, 2));
      await next.received('alert', 1);
      expect(next.of('gap')).toEqual([]);
      expect(next.of('alertGap')).toEqual([]);
    });

    it('leave none out and come once where the store ends and memory begins', async () => {
      const path = folder();
      const server = await start(path, { store: { directory: join(path, 'data') } });
      const publisher = await feed(server.port);
      const query = 'symbols=S&statistics=false&alerts=true';
      const first = await EventReader.open(server.port, query, SSE);
      await first.received('welcome', 1);
      await publisher.publishAll(swings('S', 2));
      await first.received('alert', 1);
      await first.received('anomaly', 1);
      const id = first.events.at(-1)?.id ?? '';
      first.close();
      // More than memory holds of all symbols.
      let count = 2;
      for (; count < 4000; count += 500) await publisher.publishAll(swings('S', 500, count));
      const readers: EventReader[] = [];
      for (let round = 0; round < 4; round++) {
        const headers = { ...SSE, 'last-event-id': id };
        const opening = EventReader.open(server.port, query, headers);
        await publisher.publishAll(swings('S', 50, count));
        count += 50;
        readers.push(await opening);
      }
      for (const reader of readers) {
        await until(() => reader.of('alert').at(-1)?.sequence === count - 1);
        await until(() => reader.of('anomaly').at(-1)?.sequence === count - 1);
        expect(told(reader, 'alert')).toEqual(numbered('alert', 'S', 2, count - 1));
        expect(told(reader, 'anomaly')).toEqual(numbered('anomaly', 'S', 2, count - 1));
        expect([...reader.of('gap'), ...reader.of('alertGap')]).toEqual([]);
      }
      await server.stop();
    });

    it('go on after a restart of a server with a store', async () => {
      const path = folder();
      const config = { store: { directory: join(path, 'data') } };
      const server = await start(path, config);
      const query = 'symbols=S&statistics=false&alerts=true';
      const reader = await EventReader.open(server.port, query, SSE);
      await reader.received('welcome', 1);
      const publisher = await feed(server.port);
      await publisher.publishAll(swings('S', 3));
      await reader.received('alert', 2);
      await reader.received('anomaly', 2);
      const last = reader.events.at(-1)?.id ?? '';
      reader.close();
      await publisher.publishAll(swings('S', 2, 3));
      await server.stop();
      const next = await start(path, config);
      const headers = { ...SSE, 'last-event-id': last };
      const again = await EventReader.open(next.port, query, headers);
      await again.received('alert', 2);
      await (await feed(next.port, 'feed-2')).publishAll(swings('S', 1, 5));
      await again.received('alert', 3);
      await again.received('anomaly', 3);
      expect(told(again, 'alert')).toEqual(numbered('alert', 'S', 3, 5));
      expect(told(again, 'anomaly')).toEqual(numbered('anomaly', 'S', 3, 5));
      expect([...again.of('gap'), ...again.of('alertGap')]).toEqual([]);
      // Before its folder goes.
      await next.stop();
    });
  });
});
