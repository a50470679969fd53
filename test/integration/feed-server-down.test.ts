import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import { ScriptedExchange } from '../../feeds/exchange/scripted-exchange.ts';
import { Feed, feedPublisher } from '../../feeds/feed.ts';
import { freePort } from '../../testkit/managed-process.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { until } from '../../testkit/until.ts';
import { feedSettings, ticksOf, trade, tradesOf } from '../support/feed-rig.ts';
import { journalTicksOf } from '../support/journal-ticks.ts';
import { startTestServer } from '../support/running-server.ts';

const SYMBOL = 'BTCUSDT';

it('a server that was down gets every trade once; a full buffer stops the reading', async () => {
  using folder = new TempFolder();
  const port = await freePort();
  const start = () => startTestServer({ server: { port }, store: { directory: folder.path } });
  let server = await start();
  const exchange = await ScriptedExchange.start(DIALECTS.binance);
  onTestFinished(() => exchange.stop());
  const settings = feedSettings({
    venue: 'binance',
    symbols: [SYMBOL],
    url: exchange.url,
    bufferTicksMax: 1024,
  });
  const lines: string[] = [];
  const write = (_facts: object, text: string) => void lines.push(text);
  const log = { info: write, warn: write, error: write };
  const publisher = feedPublisher(settings, `ws://127.0.0.1:${port}`, undefined);
  const feed = new Feed(settings, publisher, log);
  feed.start();
  await until(() => feed.state === 'live' && feed.hasServer);
  exchange.send(...tradesOf(SYMBOL, 1, 100));
  await until(() => publisher.totals.accepted === 100);

  await server.stop();
  await until(() => !feed.hasServer);
  for (const each of tradesOf(SYMBOL, 101, 3000)) exchange.send(each);
  await until(() => feed.state === 'paused');
  expect(publisher.totals.unacknowledged).toBe(1024);

  server = await start();
  await until(() => feed.state === 'live');
  exchange.send(trade(SYMBOL, 3001));
  await until(() => feed.counts.trades.published === 3001);
  await feed.stop();
  await server.stop();
  const ticks = journalTicksOf(join(folder.path, 'journal'), 'test');
  expect(ticks).toEqual(ticksOf('binance', tradesOf(SYMBOL, 1, 3001)));
  expect(feed.counts).toMatchObject({ missed: 0, trades: { dropped: 0, duplicate: 0 } });
  expect(feed.counts.pauses).toBeGreaterThan(0);
  expect(lines.filter((line) => line.includes('takes no more')).length).toBeGreaterThan(0);
});
