import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFeedMetrics } from '../../feeds/feed-metrics.ts';
import { startMonitoring } from '../../feeds/monitoring-server.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { until } from '../../testkit/until.ts';
import { feedForTest, trade, tradesOf } from '../support/feed-rig.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/FEEDS.md'), 'utf8');
const SYMBOL = 'BTCUSDT';

async function monitored() {
  const rig = await feedForTest('binance', [SYMBOL]);
  const feeds = [rig.feed];
  const monitoring = await startMonitoring(feeds, createFeedMetrics(feeds), {
    host: '127.0.0.1',
    port: 0,
  });
  onTestFinished(() => monitoring.stop());
  const get = (path: string) => fetch(`http://127.0.0.1:${monitoring.port}${path}`);
  const metrics = async () => parseMetrics(await (await get('/metrics')).text());
  return { ...rig, get, metrics };
}

describe('the metrics of feeds', () => {
  it('are those that the page lists, and count what happens', async () => {
    const { exchange, feed, publisher, metrics } = await monitored();
    await until(() => feed.state === 'live');
    exchange.send(...tradesOf(SYMBOL, 1, 5), ...tradesOf(SYMBOL, 4, 5), trade(SYMBOL, 9));
    exchange.current.sendText('?');
    await until(() => publisher.ticks.length === 6 && feed.counts.malformed === 1);
    const values = await metrics();
    const of = (name: string, label = '') =>
      values.get(`tickwire_feed_${name}{feed="test",venue="binance"${label}}`);
    expect(of('state', ',state="live"')).toBe(1);
    expect(of('state', ',state="failed"')).toBe(0);
    expect(of('trades_total', ',result="published"')).toBe(6);
    expect(of('trades_total', ',result="duplicate"')).toBe(2);
    expect(of('missed_trades_total')).toBe(3);
    expect(of('malformed_messages_total')).toBeGreaterThan(0);
    expect(of('messages_total')).toBe(feed.counts.messages);
    expect(of('subscriptions', ',state="active"')).toBe(1);
    expect(of('reconnects_total', ',reason="closed"')).toBe(0);
    expect(of('last_trade_age_seconds')).toBeLessThan(30);
    expect(of('lag_seconds')).toBeGreaterThan(3000);
    const own = [...values.keys()].map((key) => key.replace(/\{.*/, ''));
    const names = new Set(own.filter((name) => name.startsWith('tickwire_')));
    const listed = [...PAGE.matchAll(/`(tickwire_feed_\w+)`/g)].map(([, name]) => name);
    expect(names).toEqual(new Set(listed));
  });

  it('tell readiness: live and connected to the server', async () => {
    const { exchange, feed, get } = await monitored();
    await until(() => feed.state === 'live');
    const ready = await get('/readyz');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      ready: true,
      feeds: { test: { state: 'live', server: 'connected' } },
    });
    exchange.refusals.push({ status: 451 });
    exchange.current.cut();
    await until(() => feed.state === 'failed');
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/other')).status).toBe(404);
  });
});
