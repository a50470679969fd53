import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dialect } from '../../feeds/exchange/dialect.ts';
import { ScriptedExchange } from '../../feeds/exchange/scripted-exchange.ts';
import { Feed, feedPublisher } from '../../feeds/feed.ts';
import { naiveTrades } from '../../testkit/independent/naive-trades.ts';
import {
  FEEDS_VARIABLE,
  type RecordedSession,
  recordedSessions,
} from '../../testkit/recorded-sessions.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { until } from '../../testkit/until.ts';
import { feedSettings } from '../support/feed-rig.ts';
import { type JournalTick, journalTicksOf } from '../support/journal-ticks.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const sessions = recordedSessions()?.filter(({ venue }) => venue !== undefined);
const isMissing = sessions === undefined;
const title = 'recorded sessions, cut and repeated in the middle, through feed and server';

if (isMissing) {
  process.stderr.write(
    `\n*** NOT TESTED: "${title}". ${FEEDS_VARIABLE} names no folder of them. ***\n\n`,
  );
}

/** Subscriptions of those days were others: none is answered. */
const PLAYBACK: Dialect = {
  venue: '',
  framesPerSecond: 100,
  refusesWhole: false,
  read: () => ({ kind: 'other' }),
  answer: () => [],
  trades: () => [],
};

const folder = new TempFolder();
let server: TestServer | undefined;
beforeAll(async () => {
  // Durable: what is acknowledged can be read from the journal at once.
  server = await startTestServer({
    store: { directory: folder.path },
    publish: { acknowledge: 'durable' },
  });
});
afterAll(async () => {
  await server?.stop();
  folder[Symbol.dispose]();
});

describe(title, () => {
  // In CI, missing sessions fail.
  it.skipIf(isMissing && !process.env.CI)('are there', () => {
    if (sessions === undefined) throw new Error(`${FEEDS_VARIABLE} must be set in CI`);
    expect(sessions.length).toBeGreaterThan(0);
  });

  for (const session of sessions ?? []) {
    it(`${session.name}: each trade once, price and time exact`, async () => {
      const { ticks, missed, expected } = await play(session);
      expect(ticks.toSorted(compare)).toEqual(expected.toSorted(compare));
      expect(missed).toBe(0);
    });
  }
});

/** Plays it to the middle, cuts, and plays the rest from a quarter on. */
async function play({ name, venue = '', messages }: RecordedSession) {
  const exchange = await ScriptedExchange.start(PLAYBACK);
  const texts = messages.map(({ text }) => text);
  const tradesOf = texts.map((text) => naiveTrades(venue, text));
  const symbols = [...new Set(tradesOf.flat().map(({ symbol }) => symbol))];
  const { cut, repeat } = cutOf(tradesOf.map(({ length }) => length));
  const settings = feedSettings({
    name,
    venue,
    symbols: symbols.length > 0 ? symbols : ['BTC'],
    url: exchange.url,
  });
  const publisher = feedPublisher(settings, `ws://127.0.0.1:${server?.port}`, undefined);
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const feed = new Feed(settings, publisher, log, { random: () => 0.02 });
  try {
    feed.start();
    await until(() => exchange.connections.length === 1);
    for (const text of texts.slice(0, cut)) exchange.current.sendText(text);
    await until(() => feed.counts.messages === cut);
    exchange.current.cut();
    await until(() => exchange.connections.length === 2 && exchange.open.length === 1);
    for (const text of texts.slice(repeat)) exchange.current.sendText(text);
    await until(() => feed.counts.messages === cut + texts.length - repeat);
  } finally {
    await feed.stop();
    await exchange.stop();
  }
  const repeated = tradesOf.slice(repeat, cut).flat().length;
  expect(feed.counts.trades).toMatchObject({ duplicate: repeated, invalid: 0, unlisted: 0 });
  expect(feed.counts.malformed).toBe(0);
  const expected = new Map<string, JournalTick>();
  for (const { symbol: native, id, price, time } of tradesOf.flat()) {
    const symbol = `${venue.toUpperCase()}:${native}`;
    const key = `${symbol} ${id}`;
    if (expected.has(key)) continue;
    expected.set(key, { symbol, price: Number(price), time: Number(time) });
  }
  // The feed's stop waited until all is there.
  const ticks = journalTicksOf(join(folder.path, 'journal'), name);
  return { ticks, missed: feed.counts.missed, expected: [...expected.values()] };
}

/** Behind the middle trade, and before a quarter of the trades. */
function cutOf(counts: readonly number[]): { readonly cut: number; readonly repeat: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  let [cut, repeat] = [0, 0];
  for (const [at, count] of counts.entries()) {
    if (seen <= total / 4) repeat = at;
    seen += count;
    cut = at + 1;
    if (seen >= total / 2) break;
  }
  return { cut, repeat };
}

function compare(a: JournalTick, b: JournalTick): number {
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1;
  return a.time - b.time || a.price - b.price;
}
