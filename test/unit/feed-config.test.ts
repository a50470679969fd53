import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFeedConfig } from '../../feeds/feed-config.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { ConfigError } from '../../src/config/faults.ts';

const ROOT = join(import.meta.dirname, '../..');

function parse(value: unknown, env: Record<string, string> = {}) {
  const json = typeof value === 'string' ? value : JSON.stringify(value);
  return parseFeedConfig(json, 'feeds.json', VENUES, env);
}

function faultsOf(value: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    parse(value, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const FEED = { name: 'a', venue: 'binance', symbols: ['BTCUSDT'] };

describe('the configuration of feeds', () => {
  it('fills in defaults', () => {
    const [feed] = parse({ feeds: [FEED] });
    expect(feed).toMatchObject({
      name: 'a',
      url: undefined,
      staleAfterMs: 60_000,
      bufferTicksMax: 262_144,
      credentials: undefined,
    });
    expect([...(feed?.published ?? [])]).toEqual([['BTCUSDT', 'BINANCE:BTCUSDT']]);
  });

  it('takes every key, and a variable of a venue without login need not exist', () => {
    const feed = {
      ...FEED,
      url: 'ws://127.0.0.1:1/x',
      rename: { BTCUSDT: 'BTC' },
      price: 'trade',
      staleAfterMs: 30_000,
      rotateAfterMs: 82_800_000,
      conditions: 'last-eligible',
      keyEnv: 'NONE',
    };
    const [settings] = parse({ feeds: [feed] });
    expect(settings).toMatchObject({ url: feed.url, rotateAfterMs: 82_800_000 });
    expect(settings?.published.get('BTCUSDT')).toBe('BTC');
  });

  it('names every fault', () => {
    const faults = faultsOf({
      feeds: [
        { ...FEED, staleAfterMS: 1, symbols: [] },
        { name: 'b c', venue: 'binance', symbols: ['X'], url: 'ws://example.com' },
        { ...FEED, name: 'd', venue: 'binanse' },
        { ...FEED, name: 'e', symbols: ['A', 'A'], rename: { B: 'C' } },
        { ...FEED, name: 'f', symbols: ['X'.repeat(40)] },
        { ...FEED, name: 'g', venue: 'alpaca', keyEnv: 'UNSET_KEY' },
        { ...FEED, name: 'h', price: 'mid', staleAfterMs: 1.5 },
        7,
      ],
      url: 'x',
    });
    for (const part of [
      'unknown key url',
      'feeds[0]: unknown key staleAfterMS (did you mean staleAfterMs?)',
      'feeds[0].symbols: expected a list of symbols',
      'feeds[1].name: expected 1 to 64 characters',
      'feeds[1].url: expected a wss: URL; ws: for loopback only, got "ws://example.com"',
      'feeds[2].venue: unknown venue "binanse" (did you mean binance?)',
      'feeds[3].symbols[1]: "A" is listed twice',
      'feeds[3].rename: "B" is not in symbols',
      'which is longer than 32 characters: give it another name with "rename"',
      'feeds[5].keyEnv: the variable UNSET_KEY is not set',
      'feeds[6].price: expected trade or aggregate, got "mid"',
      'feeds[6].staleAfterMs: expected an integer from 100',
      'feeds[7]: expected an object, got 7',
    ]) {
      expect(faults.filter((fault) => fault.includes(part))).toHaveLength(1);
    }
  });

  it.each([
    ['{', 'not JSON at line 1, column 2'],
    ['[]', 'expected an object with the key feeds'],
    ['{"feeds":[]}', 'expected a list of feeds'],
    ['{"feeds":{}}', 'expected a list of feeds'],
    ['{}', 'expected a list of feeds'],
  ])('refuses %s', (json, fault) => {
    expect(faultsOf(json)).toEqual([expect.stringContaining(fault)]);
  });

  it('refuses two feeds of one name or symbol', () => {
    const other = { ...FEED, name: 'b', venue: 'kraken', rename: { BTCUSDT: 'BINANCE:BTCUSDT' } };
    expect(faultsOf({ feeds: [FEED, FEED, other] })).toEqual([
      expect.stringContaining('two feeds are named a'),
      expect.stringContaining('a publishes "BINANCE:BTCUSDT" twice'),
      expect.stringContaining('a and b both publish "BINANCE:BTCUSDT"'),
    ]);
  });

  it.each([
    [
      { KEY: 'k', SECRET: 's' },
      { keyEnv: 'KEY', secretEnv: 'SECRET' },
    ],
    [{ KEY: 'k:s' }, { keyEnv: 'KEY' }],
  ])('reads keys from the environment: %o', (env, keys) => {
    const feed = { ...FEED, venue: 'alpaca', ...keys };
    expect(parse({ feeds: [feed] }, env)[0]?.credentials).toEqual({ key: 'k', secret: 's' });
  });

  it('shows no key in a fault', () => {
    const feed = { ...FEED, venue: 'alpaca', keyEnv: 'KEY', secretEnv: 'SECRET' };
    const faults = faultsOf({ feeds: [feed] }, { KEY: 'the-key', SECRET: '' });
    expect(faults).toEqual(['feeds.json: feeds[0].secretEnv: the variable SECRET is not set']);
  });

  it('accepts the example', () => {
    const json = readFileSync(join(ROOT, 'examples/feeds.json'), 'utf8');
    expect(parse(json).length).toBe(3);
  });

  it('accepts what the page shows', () => {
    const page = readFileSync(join(ROOT, 'docs/FEEDS.md'), 'utf8');
    const json = /```json\n(.*?)```/s.exec(page)?.[1] ?? '';
    expect(parse(json, { ALPACA_KEY: 'k', ALPACA_SECRET: 's' }).length).toBe(2);
  });
});
