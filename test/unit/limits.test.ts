import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../src/access/index.ts';
import { AddressRates, limitedAddress } from '../../src/gateway/limits/address-rates.ts';
import { ConnectionCounts } from '../../src/gateway/limits/connection-counts.ts';
import { SendBufferLimit } from '../../src/gateway/limits/send-buffer-limit.ts';
import { SymbolQuota } from '../../src/gateway/limits/symbol-quota.ts';
import { TokenBucket } from '../../src/gateway/limits/token-bucket.ts';
import { GatewayCounters } from '../../src/gateway/metrics/gateway-counters.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { UNWATCHED } from '../../src/gateway/sessions/security-events.ts';
import type { Socket } from '../../src/gateway/transport/transport.ts';

describe('limitedAddress', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['', ''],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:ffff:1:2:3', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0002', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ])('%s counts as %s', (address, group) => {
    expect(limitedAddress(address)).toBe(group);
  });
});

describe('TokenBucket', () => {
  it('gives one second at once, and then as it fills', () => {
    const bucket = new TokenBucket(10, 1000);
    for (let i = 0; i < 10; i++) expect(bucket.tryTake(1, 1000)).toBe(true);
    expect(bucket.tryTake(1, 1000)).toBe(false);
    expect(bucket.waitMs(1, 1000)).toBe(100);
    expect(bucket.tryTake(1, 1099)).toBe(false);
    expect(bucket.tryTake(1, 1100)).toBe(true);
    expect(bucket.tryTake(1, 1100)).toBe(false);
    expect(bucket.waitMs(3, 1150)).toBe(250);
    expect(bucket.tryTake(10, 2099)).toBe(false);
    expect(bucket.tryTake(10, 2100)).toBe(true);
  });

  it('holds no more than a second, however long it fills', () => {
    const bucket = new TokenBucket(2, 0);
    expect(bucket.isFull(0)).toBe(true);
    expect(bucket.tryTake(2, 1_000_000)).toBe(true);
    expect(bucket.tryTake(1, 1_000_000)).toBe(false);
    expect(bucket.isFull(1_000_999)).toBe(false);
    expect(bucket.isFull(1_001_000)).toBe(true);
  });

  it('passes more than a second when full, and goes into debt', () => {
    const bucket = new TokenBucket(10, 0);
    expect(bucket.tryTake(35, 0)).toBe(true);
    expect(bucket.waitMs(1, 0)).toBe(2600);
    expect(bucket.tryTake(1, 2599)).toBe(false);
    expect(bucket.tryTake(1, 2600)).toBe(true);
    expect(bucket.waitMs(35, 2600)).toBe(1000);
  });

  it('charges for completed work', () => {
    const bucket = new TokenBucket(10, 0);
    bucket.charge(20);
    expect(bucket.waitMs(1, 0)).toBe(1100);
    expect(bucket.tryTake(1, 1100)).toBe(true);
  });

  it('is never full because its rate changes', () => {
    const bucket = new TokenBucket(10, 0);
    expect(bucket.tryTake(10, 0)).toBe(true);
    bucket.changeRate(20, 0);
    expect(bucket.tryTake(10, 0)).toBe(true);
    expect(bucket.tryTake(1, 0)).toBe(false);
    bucket.changeRate(5, 0);
    expect(bucket.waitMs(1, 0)).toBe(3200);
    for (let i = 0; i < 100; i++) bucket.changeRate(5, 0);
    expect(bucket.waitMs(1, 0)).toBe(3200);
  });

  it('does not mind a clock that went back', () => {
    const bucket = new TokenBucket(1, 1000);
    expect(bucket.tryTake(1, 1000)).toBe(true);
    expect(bucket.tryTake(1, 0)).toBe(false);
    expect(bucket.tryTake(1, 1999)).toBe(false);
    expect(bucket.tryTake(1, 2000)).toBe(true);
  });
});

describe('AddressRates', () => {
  it('counts each address for itself, and a /64 as one', () => {
    const rates = new AddressRates(2);
    for (const address of ['10.0.0.1', '10.0.0.2', '2001:db8::1']) {
      expect([1, 2, 3].map(() => rates.tryTake(address, 0))).toEqual([true, true, false]);
    }
    expect(rates.tryTake('2001:db8::2', 0)).toBe(false);
    expect(rates.tryTake('2001:db8:0:1::2', 0)).toBe(true);
    expect(rates.tryTake('10.0.0.1', 500)).toBe(true);
    expect(rates.tryTake('10.0.0.1', 500)).toBe(false);
  });

  it('keeps no more addresses than called within a second or so', () => {
    const rates = new AddressRates(1);
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      // A thousand distinct keys a second.
      rates.tryTake(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, i);
      most = Math.max(most, rates.size);
    }
    expect(most).toBeLessThan(4096);
  });

  it('never forgets a key that has used up its limit', () => {
    const rates = new AddressRates(1);
    expect(rates.tryTake('10.0.0.1', 0)).toBe(true);
    for (let i = 0; i < 10_000; i++) rates.tryTake(`other ${i}`, 0);
    expect(rates.tryTake('10.0.0.1', 999)).toBe(false);
  });
});

describe('ConnectionCounts', () => {
  const limits = { connectionsMax: 3, connectionsPerAddressMax: 2, connectionsPerTokenMax: 2 };

  it('tells which limit one more connection would break, and makes room again', () => {
    const counts = new ConnectionCounts(limits);
    expect(counts.exceededBy('a')).toBeUndefined();
    counts.enter('a');
    expect(counts.exceededBy('a')).toBeUndefined();
    counts.enter('a');
    expect(counts.exceededBy('a')).toBe('connectionsPerAddress');
    expect(counts.exceededBy('b')).toBeUndefined();
    counts.enter('b');
    expect(counts.exceededBy('a')).toBe('connections');
    expect(counts.exceededBy('b')).toBe('connections');
    counts.leave('a');
    expect(counts.exceededBy('a')).toBeUndefined();
  });

  it('counts the connections of a /64 as of one address', () => {
    const counts = new ConnectionCounts(limits);
    counts.enter('2001:db8::1');
    counts.enter('2001:db8::2');
    expect(counts.exceededBy('2001:db8::3')).toBe('connectionsPerAddress');
    counts.leave('2001:db8::2');
    expect(counts.exceededBy('2001:db8::3')).toBeUndefined();
  });

  it('allows a token to lower the configured limit, never to raise it', () => {
    const counts = new ConnectionCounts(limits);
    expect(counts.tryEnterToken('t', 1)).toBe(true);
    expect(counts.tryEnterToken('t', 1)).toBe(false);
    expect(counts.tryEnterToken('t', 5)).toBe(true);
    expect(counts.tryEnterToken('t', 5)).toBe(false);
    expect(counts.tryEnterToken('u')).toBe(true);
    counts.leaveToken('t');
    expect(counts.tryEnterToken('t')).toBe(true);
    expect(counts.tryEnterToken('t')).toBe(false);
  });
});

describe('SymbolQuota', () => {
  const limits = { maxSymbols: 9, newSymbolsPerPublisher: 2, symbolsPerTenant: 3 };
  const symbolsOf = (names: readonly string[] = []) => ({ names, isFull: () => names.length >= 9 });
  const client = (tenant: string, tokenId: string, address = '10.0.0.1') =>
    new Client({ ...ANONYMOUS, tenant, tokenId }, address);

  it('counts symbols of a token in its tenant', () => {
    const quota = new SymbolQuota(limits, symbolsOf());
    expect(quota.tryAdd(client('t', 'a'))).toBeUndefined();
    expect(quota.tryAdd(client('t', 'a', '10.0.0.2'))).toBeUndefined();
    expect(quota.tryAdd(client('t', 'a', '10.0.0.3'))?.name).toBe('newSymbols');
    expect(quota.tryAdd(client('t', 'b'))).toBeUndefined();
    expect(quota.tryAdd(client('t', 'b'))?.name).toBe('symbolsPerTenant');
    expect(quota.tryAdd(client('u', 'c'))).toBeUndefined();
  });

  it('counts those of an address where there are no tokens, and a /64 as one', () => {
    const quota = new SymbolQuota({ ...limits, symbolsPerTenant: 100 }, symbolsOf());
    expect(quota.tryAdd(client('', '', '2001:db8::1'))).toBeUndefined();
    expect(quota.tryAdd(client('', '', '2001:db8::2'))).toBeUndefined();
    expect(quota.tryAdd(client('', '', '2001:db8::3'))?.name).toBe('newSymbols');
    expect(quota.tryAdd(client('', '', '10.0.0.1'))).toBeUndefined();
  });

  it('knows the symbols of an earlier run', () => {
    const { nameSpace } = client('t', 'a');
    const names = ['A', 'B', 'C'].map((symbol) => nameSpace.nameOf(symbol));
    const quota = new SymbolQuota(limits, symbolsOf(names));
    expect(quota.tryAdd(client('t', 'a'))?.name).toBe('symbolsPerTenant');
    expect(quota.tryAdd(client('u', 'a'))).toBeUndefined();
  });

  it('names the limit, its value and its key', () => {
    const quota = new SymbolQuota(limits, symbolsOf(['A', 'B', 'C']));
    for (const [tenant, text] of [
      ['', 'the tenant has 3 symbols, as many as limits.symbolsPerTenant allows'],
      ['t', 'the publisher has added 2 symbols, as many as limits.newSymbolsPerPublisher allows'],
    ] as const) {
      while (quota.tryAdd(client('t', 'a')) === undefined);
      expect(quota.tryAdd(client(tenant, 'a'))?.text).toBe(text);
    }
    const full = new SymbolQuota(limits, symbolsOf(Array.from({ length: 9 }, (_, i) => `S${i}`)));
    const text = 'the server holds 9 symbols, as many as processing.maxSymbols allows';
    expect(full.tryAdd(client('t', 'a'))).toEqual({ name: 'symbols', text });
  });

  it('has no limit of its own where none is set', () => {
    const unset = { maxSymbols: 100_000, newSymbolsPerPublisher: 0, symbolsPerTenant: 0 };
    const quota = new SymbolQuota(unset, symbolsOf());
    for (let i = 0; i < 100_000; i++) expect(quota.tryAdd(client('', ''))).toBeUndefined();
  });
});

describe('SendBufferLimit', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A session whose socket holds so much. */
  function holder(buffered: number) {
    const closes: number[] = [];
    const socket: Socket = {
      remoteAddress: '10.0.0.1',
      bufferedAmount: () => buffered,
      send: () => undefined,
      cork: (work) => work(),
      ping: () => undefined,
      end: (code) => {
        closes.push(code);
      },
    };
    const limits = { badFramesMax: 1, socketBufferBytesMax: 1e9 };
    const client = new Client(ANONYMOUS, '10.0.0.1');
    const connection = new Connection(socket, 'binary', client, limits, new GatewayCounters());
    connection.sendEncoded('x');
    return { connection, closes };
  }

  it('closes those that hold most, until the rest is within the bound', () => {
    const holders = [30, 50, 10, 40, 0].map(holder);
    const limited: string[] = [];
    const watch = new SendBufferLimit({
      bytesMax: 80,
      security: { ...UNWATCHED, limited: (limit) => limited.push(limit) },
      sessions: () => holders,
    });
    watch.start();
    vi.advanceTimersByTime(249);
    expect(limited).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(holders.map(({ closes }) => closes)).toEqual([[], [4002], [], [], []]);
    expect(limited).toEqual(['sessionBytes']);
    watch.stop();
    vi.advanceTimersByTime(1000);
    expect(limited).toHaveLength(1);
  });

  it.each([
    [129, 1],
    [130, 0],
    [131, 0],
  ])('with %i bytes allowed and 130 held, closes %i', (bytesMax, closed) => {
    const holders = [30, 50, 10, 40].map(holder);
    const watch = new SendBufferLimit({ bytesMax, security: UNWATCHED, sessions: () => holders });
    watch.start();
    vi.advanceTimersByTime(250);
    watch.stop();
    expect(holders.flatMap(({ closes }) => closes)).toHaveLength(closed);
  });
});
