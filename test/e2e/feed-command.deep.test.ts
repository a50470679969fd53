import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import { ScriptedExchange } from '../../feeds/exchange/scripted-exchange.ts';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';
import { eventually, until } from '../../testkit/until.ts';
import { tradesOf } from '../support/feed-rig.ts';
import { folderForSuite } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const folder = folderForSuite();

function feedProcess(feeds: unknown, flags: readonly string[], env = {}): ManagedProcess {
  const file = join(folder, `feeds-${Math.random()}.json`);
  writeFileSync(file, typeof feeds === 'string' ? feeds : JSON.stringify({ feeds }));
  return feedCommand(['--config', file, ...flags], env);
}

function feedCommand(flags: readonly string[], env = {}): ManagedProcess {
  const args = [builtProgram('src/main'), 'feed', ...flags];
  const program = new ManagedProcess(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
  });
  onTestFinished(async () => {
    await program.end();
  });
  return program;
}

const moduleOf = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
const registering = (hook: string) => `
  import { register } from 'node:module';
  register(${JSON.stringify(hook)});`;

async function exchangeForTest(venue: keyof typeof DIALECTS): Promise<ScriptedExchange> {
  const exchange = await ScriptedExchange.start(DIALECTS[venue]);
  onTestFinished(() => exchange.stop());
  return exchange;
}

describe('tickwire feed', () => {
  it('brings trades of venues to a server, and stops gracefully', async () => {
    const server = await serverProcessForTest();
    const binance = await exchangeForTest('binance');
    const alpaca = await exchangeForTest('alpaca');
    const feed = feedProcess(
      [
        { name: 'spot', venue: 'binance', symbols: ['BTCUSDT'], url: binance.url },
        { name: 'iex', venue: 'alpaca', symbols: ['AAPL'], url: alpaca.url, keyEnv: 'KEY' },
      ],
      [`--url=ws://127.0.0.1:${server.port}`, '--metrics-port=0'],
      { KEY: 'the-key:the-secret' },
    );
    const port = () => Number(/metrics on port (\d+)/.exec(feed.output)?.[1] ?? 0);
    await until(() => port() !== 0);
    await eventually(
      () => fetch(`http://127.0.0.1:${port()}/readyz`).then(({ status }) => status),
      (status) => status === 200,
    );
    binance.send(...tradesOf('BTCUSDT', 1, 100));
    alpaca.send(...tradesOf('AAPL', 1, 50));
    for (const [symbol, count] of [
      ['BINANCE:BTCUSDT', 100],
      ['ALPACA:AAPL', 50],
    ] as const) {
      const url = `http://127.0.0.1:${server.port}/api/prices/${encodeURIComponent(symbol)}`;
      await eventually(
        async () => (await (await fetch(url)).json()) as { updateCount?: number },
        ({ updateCount }) => updateCount === count,
      );
    }
    feed.kill('SIGTERM');
    expect(await feed.exited).toBe(0);
    expect(feed.output.match(/"msg":"stopped"/g)).toHaveLength(2);
    expect(feed.output).not.toMatch(/the-key|the-secret/);
    expect(binance.violations).toEqual([]);
    expect(alpaca.violations).toEqual([]);
  });

  it.each([
    ['{"feeds":', 'not JSON'],
    [[{ name: 'a', venue: 'nowhere', symbols: ['B'] }], 'unknown venue "nowhere"'],
  ])('ends with 2 for a bad file', async (feeds, fault) => {
    const feed = feedProcess(feeds, []);
    expect(await feed.exited).toBe(2);
    expect(feed.output).toContain(fault);
  });

  it('plays venues of its own with --demo, and ends with what it started', async () => {
    const server = await serverProcessForTest();
    const feed = feedCommand(['--demo', `--url=ws://127.0.0.1:${server.port}`]);
    for (const symbol of ['BINANCE:BTCUSDT', 'KRAKEN:BTC/USD']) {
      const url = `http://127.0.0.1:${server.port}/api/prices/${encodeURIComponent(symbol)}`;
      await eventually(
        async () => (await (await fetch(url)).json()) as { updateCount?: number },
        ({ updateCount = 0 }) => updateCount > 5,
      );
    }
    feed.kill('SIGTERM');
    expect(await feed.exited).toBe(0);
    const taken = feedCommand(['--demo', `--metrics-port=${server.port}`]);
    expect(await taken.exited).toBe(1);
    expect(taken.output).toContain('cannot serve metrics');
  });

  it.each([
    [[], '--config FILE, or --demo'],
    [['--demo', '--config=feeds.json'], "'--demo' cannot be used with option '--config"],
    [['--demo', '--check'], "'--demo' cannot be used with option '--check'"],
  ])('takes a file or --demo: with %j it ends with 2', async (flags, fault) => {
    const feed = feedCommand(flags);
    expect(await feed.exited).toBe(2);
    expect(feed.output).toContain(fault);
  });

  it('checks a file without starting', async () => {
    const feed = feedProcess([{ name: 'a', venue: 'binance', symbols: ['B'] }], ['--check']);
    expect(await feed.exited).toBe(0);
    expect(feed.output).toContain('no fault');
  });

  // A feed would otherwise hold 17 MB more.
  it('loads nothing of the server', async () => {
    const hook = `
      import { writeSync } from 'node:fs';
      export const load = (url, context, next) => (writeSync(1, url + '\\n'), next(url, context));`;
    const options = { NODE_OPTIONS: `--import=${moduleOf(registering(moduleOf(hook)))}` };
    const feeds = [{ name: 'a', venue: 'binance', symbols: ['B'] }];
    const feed = feedProcess(feeds, ['--check'], options);
    expect(await feed.exited).toBe(0);
    expect(feed.output).toMatch(/\/feeds\/command\.js$/m);
    const ofServer = /\/src\/(access|engine|gateway|http|journal|server|store)\b|(jose|lmdb)\//;
    expect(feed.output.split('\n').filter((line) => ofServer.test(line))).toEqual([]);
  });

  it.each([
    ['--help', 0],
    ['--nonsense', 2],
    ['--metrics-port=x', 2],
    ['--url=x', 2],
  ] as const)('answers %s and ends with %i', async (flag, code) => {
    const feed = feedProcess([{ name: 'a', venue: 'binance', symbols: ['B'] }], [flag]);
    expect(await feed.exited).toBe(code);
    expect(feed.output).not.toBe('');
  });
});
