import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SymbolStatistics } from '../../src/http/schemas.ts';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { eventually } from '../../testkit/until.ts';
import { ConsoleSession } from '../support/console-session.ts';
import { ExampleProcess, findProgram, findPython } from '../support/example-process.ts';
import { HttpClient } from '../support/http-client.ts';
import { serverForTest } from '../support/running-server.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const SYMBOLS = ['BTC-USD', 'ETH-USD', 'SOL-USD'];
const PATIENCE = { timeout: 30_000, interval: 20 };

const python = findPython('msgpack', 'websockets');
const curl = findProgram('curl');

/** Something that not every machine has; in CI its absence fails the test. */
function needs(isThere: boolean, name: string) {
  if (!isThere) {
    process.stderr.write(
      `\n*** NOT TESTED: examples that need ${name}: not on this machine. ***\n`,
    );
  }
  return it.skipIf(!isThere && !process.env.CI);
}

const itNeeds = {
  node: it,
  python: needs(python !== undefined, 'python3 with msgpack and websockets'),
  curl: needs(curl !== undefined, 'curl'),
  chromium: needs(hasChromium, 'Chromium'),
};

function read(name: string): string {
  return readFileSync(new URL(name, EXAMPLES), 'utf8');
}

function run(name: string, port: number, ...args: string[]): ExampleProcess {
  const command = name.endsWith('.py') ? python : name.endsWith('.sh') ? 'sh' : process.execPath;
  const words = [`examples/${name}`, ...args];
  return ExampleProcess.startForTest(command ?? 'python3', words, `http://127.0.0.1:${port}`);
}

async function statistics(http: HttpClient): Promise<readonly SymbolStatistics[]> {
  const { json } = await http.get<{ items: SymbolStatistics[] }>('/api/prices');
  return json.items;
}

/** The statistics once as expected. */
function eventualStatistics(
  http: HttpClient,
  isDone: (items: readonly SymbolStatistics[]) => boolean,
): Promise<readonly SymbolStatistics[]> {
  return eventually(() => statistics(http), isDone);
}

const hasTicks = (count: number) => (items: readonly SymbolStatistics[]) =>
  items.length === SYMBOLS.length && items.every(({ updateCount }) => updateCount >= count);

/** Publishes until every symbol has some ticks, then stops the example in order. */
async function publishSome(http: HttpClient): Promise<void> {
  const publisher = run('publisher.mjs', http.port);
  await eventualStatistics(http, hasTicks(3));
  publisher.interrupt();
  expect(await publisher.exited, publisher.output).toBe(0);
}

/** A subscriber's last output on a symbol by field; undefined before the first. */
function shown(output: string, symbol: string): Record<string, number> | undefined {
  const line = output.split('\n').findLast((text) => text.startsWith(`${symbol} price `));
  const pairs = [...(line ?? '').matchAll(/ (\w+) ([\d.]+)/g)];
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(pairs.map(([, name, value]) => [name, Number(value)]));
}

describe('the examples', () => {
  it('are all in their table, and no longer than a screen', () => {
    const files = readdirSync(EXAMPLES).filter((name) => name !== 'README.md');
    const listed = [...read('README.md').matchAll(/^\| \[(.+?)\]\(\1\)/gm)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(files));
    const single = files.filter((file) => !statSync(new URL(file, EXAMPLES)).isDirectory());
    for (const name of single.filter((file) => !file.endsWith('.md'))) {
      expect(read(name).split('\n').length, name).toBeLessThanOrEqual(60);
    }
  });

  for (const [name, itRuns] of [
    ['subscriber.mjs', itNeeds.node],
    ['subscriber.py', itNeeds.python],
  ] as const) {
    itRuns(`${name} prints what the server has, and anomalies, and is in sync`, async () => {
      const { port } = await serverForTest({ server: { heartbeatMs: 300 } });
      const http = await HttpClient.connect(port);
      const subscriber = run(name, port, '*-USD');
      await publishSome(http);
      for (const { symbol, ...server } of await statistics(http)) {
        const { currentPrice: price, movingAverage: average, updateCount: count } = server;
        const { minPrice: min, maxPrice: max } = server;
        const expected = { price, average, count, min, max };
        const last = () => shown(subscriber.output, symbol);
        await vi.waitFor(() => expect(last()).toMatchObject(expected), PATIENCE);
      }
      await http.post([100, 103].map((price) => ({ symbol: 'JUMP-USD', price })));
      await subscriber.printed(/^JUMP-USD anomaly 1: 100 to 103, \+3\.00 %$/m);
      if (name === 'subscriber.mjs') subscriber.interrupt();
      await subscriber.printed(/^in sync 4 symbols$/m);
      expect(subscriber.output).not.toContain('OUT OF SYNC');
    });
  }

  for (const [name, itRuns] of [
    ['publisher.mjs', itNeeds.node],
    ['publisher.py', itNeeds.python],
  ] as const) {
    itRuns(`${name} resumes after lost connections: each tick is applied once`, async () => {
      const { port } = await serverForTest();
      const http = await HttpClient.connect(port);
      const proxy = await TcpProxy.start(port);
      onTestFinished(() => proxy.close());
      const publisher = run(name, proxy.port, 'feed-a');
      for (const count of [2, 6]) {
        await eventualStatistics(http, hasTicks(count));
        // From here on ticks are applied but not acknowledged: they are resent after the cut.
        proxy.mute();
        await eventualStatistics(http, hasTicks(count + 2));
        proxy.cut();
      }
      await eventualStatistics(http, hasTicks(10));
      publisher.interrupt();
      expect(await publisher.exited, publisher.output).toBe(0);
      const counts = (await statistics(http)).map(({ updateCount }) => updateCount);
      const pattern =
        /(?<ticks>\d+) of \k<ticks> ticks acknowledged, 0 rejected|up to frame (?<frame>\d+)$/m;
      const { ticks, frame } = (await publisher.printed(pattern)).groups ?? {};
      expect(counts).toEqual(SYMBOLS.map(() => Number(frame ?? Number(ticks) / SYMBOLS.length)));
    });

    itRuns(`${name} ends when another takes its name`, async () => {
      const { port } = await serverForTest();
      const http = await HttpClient.connect(port);
      const first = run(name, port, 'feed-b');
      await eventualStatistics(http, hasTicks(1));
      run(name, port, 'feed-b');
      await first.exited;
      expect(first.output).toContain('4004');
    });
  }

  itNeeds.node('feed-ccxt.mjs says how to get ccxt', async () => {
    const { port } = await serverForTest();
    const feed = run('feed-ccxt.mjs', port, 'gemini', 'BTC/USD');
    expect(await feed.exited).toBe(1);
    expect(feed.output).toContain('npm install --no-save ccxt');
  });

  itNeeds.node('feed-ccxt.mjs publishes each trade once, after a lost connection too', async () => {
    const { port } = await serverForTest();
    const http = await HttpClient.connect(port);
    const words = ['--import', './test/support/scripted-ccxt.mjs', 'examples/feed-ccxt.mjs'];
    const feed = ExampleProcess.startForTest(
      process.execPath,
      [...words, 'scripted', 'BTC/USD'],
      `http://127.0.0.1:${port}`,
    );
    const isDone = ([row]: readonly SymbolStatistics[]) => (row?.updateCount ?? 0) >= 4;
    const [row] = await eventualStatistics(http, isDone);
    expect(row).toMatchObject({ symbol: 'SCRIPTED:BTC/USD', currentPrice: 104, updateCount: 4 });
    await feed.printed(/^connection lost$/m);
    feed.interrupt();
    await feed.printed(/^4 trades acknowledged$/m);
    expect(await feed.exited).toBe(0);
  });

  itNeeds.chromium('browser.html shows what the server has, and when it is gone', async () => {
    const server = await serverForTest({ server: { allowedOrigins: '*' } });
    const http = await HttpClient.connect(server.port);
    await publishSome(http);
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    const url = new URL('browser.html', EXAMPLES);
    url.searchParams.set('server', `http://127.0.0.1:${server.port}`);
    await page.goto(url.href);
    const texts = () =>
      page.evaluate(() => [...document.querySelectorAll('td')].map((td) => td.innerText));
    const state = () => page.evaluate(() => document.getElementById('state')?.innerText);
    const expected = (await statistics(http)).flatMap((row) => [
      row.symbol,
      String(row.currentPrice),
      row.movingAverage.toFixed(2),
      String(row.updateCount),
    ]);
    await expect.poll(texts, PATIENCE).toEqual(expected);
    expect(await state()).toBe('live');
    await server.stop();
    await expect.poll(state, PATIENCE).toBe('reconnecting');
    expect(await page.locator('tr.stale').count()).toBe(SYMBOLS.length);
    expect(faults).toEqual([]);
  });

  itNeeds.curl('http.sh posts, and prints the answers', async () => {
    const { port } = await serverForTest();
    const script = run('http.sh', port);
    expect(await script.exited, script.output).toBe(0);
    const answers = script.output.split('\n').filter((line) => line.startsWith('{'));
    const [first, batch, one, page, anomalies, newest, totals] = answers.map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    expect(first).toEqual({ accepted: 1, rejected: [] });
    expect(batch).toMatchObject({ accepted: 2, rejected: [{ index: 2 }] });
    expect(one).toMatchObject({ currentPrice: 103, movingAverage: 101, updateCount: 3 });
    expect(page).toEqual({ items: [one], next: null });
    expect(anomalies).toMatchObject({ items: [{ direction: 'Up', changePercent: 3 }] });
    expect(newest?.items).toEqual(anomalies?.items);
    expect(totals).toMatchObject({ totalProcessed: 3, totalRejected: 1, anomaliesDetected: 1 });
  });

  it('console-session.md is what happens', async () => {
    const { port } = await serverForTest({ processing: { maxSymbols: 65_536 } });
    const session = new ConsoleSession(port);
    onTestFinished(() => session.close());
    await session.replay(read('console-session.md'));
    expect(session.compared).toBeGreaterThan(20);
  });
});
