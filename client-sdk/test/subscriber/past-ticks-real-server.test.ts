import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { TempFolder } from '../../../testkit/temp-folder.ts';
import { eventually } from '../../../testkit/until.ts';
import { connect, type Subscriber, type SubscriberOptions } from '../../src/index.ts';

const SYMBOL = 'A/B & C';
const COUNT = 2500;
/** A tick a second. */
const FIRST = Date.UTC(2026, 2, 1, 9, 30);

const sent = Array.from({ length: COUNT }, (_, i) => ({
  symbol: SYMBOL,
  price: 100 + i / 8,
  timestamp: FIRST + 1000 * i,
}));

let folder: TempFolder;
let server: TestServer;

beforeAll(async () => {
  folder = new TempFolder();
  server = await startTestServer({ store: { directory: folder.path } });
  const url = `http://127.0.0.1:${server.port}/api/prices`;
  for (let i = 0; i < COUNT; i += 500) {
    const body = JSON.stringify(sent.slice(i, i + 500));
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject({ accepted: 500 });
  }
  // What is not on disk yet cannot be read.
  const subscriber = connect(`http://127.0.0.1:${server.port}`);
  const last = sent.at(-1)?.price;
  await eventually(
    () => subscriber.ticks(SYMBOL, { limit: 1 }).toArray(),
    ([tick]) => tick?.price === last,
  );
  subscriber.close();
});
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});

function open(port = server.port, options: SubscriberOptions = {}): Subscriber {
  const subscriber = connect(`http://127.0.0.1:${port}`, options);
  onTestFinished(() => subscriber.close());
  return subscriber;
}

describe('past ticks', () => {
  it('are all from a time on, oldest first, page after page', async () => {
    expect(await open().ticks(SYMBOL, { from: FIRST }).toArray()).toEqual(sent);
    const pages = await open()
      .ticks(SYMBOL, { from: new Date(FIRST + 1_000_000), limit: 7 })
      .toArray();
    expect(pages).toEqual(sent.slice(1000));
  });

  it('are the newest page without a time', async () => {
    expect(await open().ticks(SYMBOL).toArray()).toEqual(sent.slice(-1000));
    expect(await open().ticks(SYMBOL, { limit: 3 }).toArray()).toEqual(sent.slice(-3));
  });

  it('end before a time', async () => {
    const range = { from: '2026-03-01T09:31:00Z', to: FIRST + 120_000 };
    expect(await open().ticks(SYMBOL, range).toArray()).toEqual(sent.slice(60, 120));
    expect(
      await open()
        .ticks(SYMBOL, { to: FIRST + 5000 })
        .toArray(),
    ).toEqual(sent.slice(0, 5));
  });

  it('are the last of each interval, if asked for', async () => {
    const ticks = await open().ticks(SYMBOL, { from: FIRST, everyMs: 60_000 }).toArray();
    expect(ticks).toEqual(sent.filter((_, i) => i % 60 === 59 || i === COUNT - 1));
  });

  it('are read as far as a loop goes, and each loop begins anew', async () => {
    const ticks = open().ticks(SYMBOL, { from: FIRST, limit: 2 });
    for (let loop = 0; loop < 2; loop++) {
      const seen: number[] = [];
      for await (const { price } of ticks) {
        seen.push(price);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual([100, 100.125, 100.25]);
    }
  });

  it('are read without a session, also after the end', async () => {
    const subscriber = open();
    subscriber.close();
    expect(await subscriber.ticks(SYMBOL, { limit: 1 }).toArray()).toEqual(sent.slice(-1));
  });

  it('are refused with the reason of the server', async () => {
    await expect(open().ticks('NONE').toArray()).rejects.toThrow(/^404 .*NONE/);
  });

  it('refuse what is a mistake at once, but for a text that is no time', async () => {
    const subscriber = open();
    expect(() => subscriber.ticks(1 as never)).toThrow(TypeError);
    expect(() => subscriber.ticks(SYMBOL, { every: 1 } as never)).toThrow('everyMs');
    expect(() => subscriber.ticks(SYMBOL, { limit: 1001 })).toThrow(RangeError);
    expect(() => subscriber.ticks(SYMBOL, { everyMs: 0.5 })).toThrow(RangeError);
    expect(() => subscriber.ticks(SYMBOL, { from: true as never })).toThrow(TypeError);
    await expect(subscriber.ticks(SYMBOL, { to: 'noon' }).toArray()).rejects.toThrow(
      'options.to: expected a time, got noon',
    );
  });
});

describe('past ticks behind a server of the test', () => {
  /** Answers one request after another; what was asked. */
  async function script(
    ...answers: readonly (readonly [status: number, body: string, headers?: object])[]
  ): Promise<{ port: number; asked: (string | undefined)[][] }> {
    const asked: (string | undefined)[][] = [];
    const http = createServer(({ url, headers }, response) => {
      // The WebSocket stays without a session.
      if (headers.upgrade !== undefined) return void response.writeHead(404).end();
      const [status, body, extra = {}] = answers[asked.length] ?? [500, ''];
      asked.push([url, headers.authorization]);
      response.writeHead(status, { ...extra }).end(body);
    });
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => {
      http.close();
    });
    return { port: (http.address() as AddressInfo).port, asked };
  }
  const page = (next: string | null) =>
    JSON.stringify({ items: [{ price: 1, timestamp: '1970-01-01T00:00:01Z' }], next });

  it('ask with the token, a fresh one for each page, below the path of a proxy', async () => {
    const { port, asked } = await script([200, page('1+2')], [200, page(null)]);
    let tokens = 0;
    const subscriber = connect(`ws://127.0.0.1:${port}/proxied/`, {
      token: () => `t${++tokens}`,
      // Never opens.
      WebSocket: class {
        close = () => undefined;
      } as never,
    });
    onTestFinished(() => subscriber.close());
    await expect.poll(() => tokens).toBe(1);
    expect(await subscriber.ticks('A').toArray()).toHaveLength(2);
    expect(asked).toEqual([
      ['/proxied/api/prices/A/ticks?limit=1000', 'Bearer t2'],
      ['/proxied/api/prices/A/ticks?limit=1000&after=1%2B2', 'Bearer t3'],
    ]);
  });

  it('wait while the server has too much to do, and give up in the end', async () => {
    const busy = [503, '{"title":"Busy"}', { 'retry-after': '0' }] as const;
    const { port, asked } = await script(
      busy,
      [429, '', { 'retry-after': '0' }],
      [200, page(null)],
    );
    const ticks = await open(port).ticks('A').toArray();
    expect(ticks).toEqual([{ symbol: 'A', price: 1, timestamp: 1000 }]);
    expect(asked).toHaveLength(3);
    const never = await script(...Array.from({ length: 9 }, () => busy));
    await expect(open(never.port).ticks('A').toArray()).rejects.toThrow('503 Busy');
    expect(never.asked).toHaveLength(5);
  });

  it('name the status where the answer is no document', async () => {
    const { port } = await script([502, '<html>']);
    await expect(open(port).ticks('A').toArray()).rejects.toThrow('502 Bad Gateway');
  });
});
