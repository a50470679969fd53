import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import { ScriptedExchange } from '../../feeds/exchange/scripted-exchange.ts';
import { builtProgram } from '../../testkit/managed-process.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { eventually, until } from '../../testkit/until.ts';
import { trade, tradesOf } from '../support/feed-rig.ts';
import { folderForSuite } from '../support/folders.ts';
import { serverProcessForTest } from '../support/running-server.ts';
import { Terminal, type TerminalOptions } from '../support/terminal.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Several programs start first, on a busy machine perhaps. */
const START_MS = 90_000;
const SHOW_CURSOR = '\x1b[?25h';
const folder = folderForSuite();

async function exchangeForTest(venue: keyof typeof DIALECTS): Promise<ScriptedExchange> {
  const exchange = await ScriptedExchange.start(DIALECTS[venue]);
  onTestFinished(() => exchange.stop());
  return exchange;
}

/** `tickwire feed` with feeds of Binance and Alpaca, on a terminal. */
async function feedsOnTerminal(size: TerminalOptions, ...flags: readonly string[]) {
  const server = await serverProcessForTest();
  const binance = await exchangeForTest('binance');
  const alpaca = await exchangeForTest('alpaca');
  const feeds = [
    { name: 'spot', venue: 'binance', symbols: ['BTCUSDT', 'ETHUSDT'], url: binance.url },
    { name: 'iex', venue: 'alpaca', symbols: ['AAPL'], url: alpaca.url, keyEnv: 'KEY' },
  ];
  const file = join(folder, `feeds-${Math.random()}.json`);
  writeFileSync(file, JSON.stringify({ feeds }));
  const command = [process.execPath, builtProgram('src/main'), 'feed', '--config', file];
  const terminal = Terminal.startForTest(
    [...command, `--url=ws://127.0.0.1:${server.port}`, ...flags],
    { ...size, env: { KEY: 'the-key:the-secret' } },
  );
  const row = (name: string) => terminal.screen.find((line) => line.startsWith(`${name} `)) ?? '';
  return { server, binance, terminal, row };
}

describe('tickwire feed on a terminal', () => {
  it('shows each feed, what happens to it, and leaves the log at Ctrl-C', async () => {
    const { server, binance, terminal, row } = await feedsOnTerminal({ rows: 30, columns: 130 });
    await until(() => /^spot +binance +live +2\/2 /.test(row('spot')), 'live', START_MS);
    await until(() => /^iex +alpaca +live +1\/1 /.test(row('iex')));
    binance.send(...tradesOf('BTCUSDT', 1, 1200), trade('BTCUSDT', 1206), trade('BTCUSDT', 1206));
    // Trades, their age of an hour, missed, repeated.
    await until(() => / 1,201 +3\d\d\d s +5 +1 +0$/.test(row('spot')));
    expect(row('iex')).toMatch(/ 0 +– +0 +0 +0$/);
    binance.current.cut();
    await until(() => / 5 +1 +1$/.test(row('spot')));
    await until(() => row('spot').includes(' live '));
    const { screen } = terminal;
    expect(screen[0]).toBe(
      `Tickwire feeds → ws://127.0.0.1:${server.port}   2 of 2 connected to it`,
    );
    expect(screen[1]).toBe(`dashboard: http://127.0.0.1:${server.port}/`);
    expect(screen.join('\n')).toMatch(/! spot: no connection: .*; the next attempt is in \d/);
    expect(Math.max(...screen.map(({ length }) => length))).toBeLessThanOrEqual(130);
    terminal.interrupt();
    expect(await terminal.exited).toBe(0);
    const [, end = ''] = terminal.output.split(SHOW_CURSOR);
    expect(end).toMatch(/spot: live/);
    expect(end).toMatch(/ stopping\r\n.*\b(?:spot|iex): stopped\r\n/s);
    expect(terminal.output).not.toMatch(/the-key|the-secret/);
  });

  it('keeps the newest of its log in a window that is small', async () => {
    const size = { rows: 11, columns: 60 };
    const { binance, terminal, row } = await feedsOnTerminal(size);
    await until(() => row('spot').includes(' live '), 'live', START_MS);
    for (let cut = 1; cut <= 3; cut += 1) {
      binance.current.cut();
      await until(() => binance.connections.length === cut + 1 && binance.open.length === 1);
      await until(() => binance.current.subscribed.size === 2 && row('spot').includes(' live '));
    }
    await until(() => terminal.screen.at(-1)?.endsWith('spot: live') === true);
    expect(terminal.screen).toHaveLength(10);
    expect(Math.max(...terminal.screen.map(({ length }) => length))).toBe(60);
    expect(row('spot')).toMatch(/^spot .*…$/);
  });

  it('shows the log instead with --no-table', async () => {
    const { terminal } = await feedsOnTerminal({ rows: 30, columns: 130 }, '--no-table');
    const isLive = () => (terminal.text.match(/: live\r\n/g) ?? []).length === 2;
    await until(isLive, 'live', START_MS);
    expect(terminal.screen).toEqual([]);
    terminal.interrupt();
    expect(await terminal.exited).toBe(0);
  });
});

describe('npm run feed:demo', () => {
  it('shows trades of two exchanges through their faults, and ends clean at Ctrl-C', async () => {
    const command = ['npm', 'run', '--ignore-scripts', '--silent', 'feed:demo', '--'];
    const terminal = Terminal.startForTest(
      ['sh', '-c', `cd "$0" && exec "$@"`, ROOT, ...command, '--port=0', '--metrics-port=0'],
      { rows: 30, columns: 130 },
    );
    const row = (name: string) => terminal.screen.find((line) => line.startsWith(name)) ?? '';
    await until(() => row('demo-binance').includes(' live '), 'live', START_MS);
    await until(() => row('demo-kraken').includes(' live '));
    const [, dashboard = ''] = /dashboard: (http:\S+)/.exec(terminal.screen.join('\n')) ?? [];
    const page = await fetch(dashboard);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>Tickwire');
    await eventually(
      async () => (await (await fetch(`${dashboard}api/prices`)).json()) as { items: SymbolRow[] },
      ({ items }) =>
        ['BINANCE:BTCUSDT', 'BINANCE:SOLUSDT', 'KRAKEN:BTC/USD'].every((symbol) =>
          items.some((each) => each.symbol === symbol && each.updateCount > 20),
        ),
    );
    const [, metrics = ''] = /metrics: (http:\S+)/.exec(terminal.output) ?? [];
    const read = async () => parseMetrics(await (await fetch(metrics)).text());
    const labels = '{feed="demo-binance",venue="binance"';
    // Its connection is cut after 9 s.
    const after = await eventually(
      read,
      (values) => (values.get(`tickwire_feed_reconnects_total${labels},reason="closed"}`) ?? 0) > 0,
    );
    expect(after.get(`tickwire_feed_malformed_messages_total${labels}}`)).toBe(0);
    await until(() => / live .* [1-9]\d*$/.test(row('demo-binance')));
    terminal.interrupt();
    expect(await terminal.exited).toBe(0);
    expect(terminal.output.split(SHOW_CURSOR).at(-1)).toContain('stopped');
    for (const url of [dashboard, metrics]) await expect(fetch(url)).rejects.toThrow();
  });

  it('ends clean when it is interrupted while it starts', async () => {
    const demo = Terminal.startForTest(
      [process.execPath, builtProgram('feeds/demo'), '--port=0', '--metrics-port=0'],
      { rows: 30, columns: 130 },
    );
    await until(() => demo.text.includes('dashboard: '), 'a server', START_MS);
    demo.interrupt();
    expect(await demo.exited).toBe(0);
  });

  it('ends by itself after --seconds', async () => {
    const demo = Terminal.startForTest(
      [process.execPath, builtProgram('feeds/demo'), '--port=0', '--metrics-port=0', '--seconds=3'],
      { rows: 30, columns: 130 },
    );
    expect(await demo.exited).toBe(0);
    expect(demo.text).toMatch(/demo-kraken +kraken +live /);
  });
});

interface SymbolRow {
  readonly symbol: string;
  readonly updateCount: number;
}
