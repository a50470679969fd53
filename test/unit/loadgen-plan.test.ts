import { describe, expect, it, vi } from 'vitest';
import { Latency } from '../../loadgen/latency.ts';
import { Ledger } from '../../loadgen/ledger.ts';
import { parseLoadOptions } from '../../loadgen/load-options.ts';
import { planSubscribers } from '../../loadgen/load-subscriber.ts';
import { splitFlags } from '../../loadgen/own-server.ts';

describe('planSubscribers', () => {
  const symbols = Array.from({ length: 30 }, (_, i) => `S${i}`);
  const options = { seed: 1, subscribers: 10, subscriptions: 5, wildcards: 2, slow: 3 };

  it('gives each subscriber its own symbols, by the seed', () => {
    const plans = planSubscribers(options, symbols);
    expect(plans).toEqual(planSubscribers(options, symbols));
    expect(plans).not.toEqual(planSubscribers({ ...options, seed: 9 }, symbols));
    expect(plans.map(({ patterns }) => patterns.length)).toEqual([1, 1, 5, 5, 5, 5, 5, 5, 5, 5]);
    for (const { patterns } of plans.slice(2)) expect(new Set(patterns).size).toBe(5);
    expect(plans[2]?.patterns).not.toEqual(plans[3]?.patterns);
  });

  it('makes the first subscribe to everything and the last be slow', () => {
    const plans = planSubscribers(options, symbols);
    expect(plans.filter(({ patterns }) => patterns[0] === '*').map(({ index }) => index)).toEqual([
      0, 1,
    ]);
    expect(plans.filter(({ isSlow }) => isSlow).map(({ index }) => index)).toEqual([7, 8, 9]);
  });
});

describe('Ledger', () => {
  it('keeps the newest price and time, and counts late ticks', () => {
    const ledger = new Ledger();
    ledger.note(0, 10, 100);
    ledger.note(0, 11, 100);
    ledger.note(0, 12, 99);
    ledger.note(5000, 7, 1);
    const symbols = Array.from({ length: 5001 }, (_, i) => `S${i}`);
    expect(ledger.entries(symbols)).toEqual([
      { symbol: 'S0', count: 3, price: 11, time: 100 },
      { symbol: 'S5000', count: 1, price: 7, time: 1 },
    ]);
  });
});

describe('Latency', () => {
  it('tells percentiles in ms, its own and those of another process', () => {
    const own = new Latency();
    const other = new Latency();
    for (let i = 1; i <= 500; i++) own.record(i / 10);
    for (let i = 501; i <= 1000; i++) other.record(i / 10);
    own.addEncoded(other.encode());
    const { count, p50, p99, max } = own.summary();
    expect(count).toBe(1000);
    expect(p50).toBeCloseTo(50, 1);
    expect(p99).toBeCloseTo(99, 0);
    expect(max).toBeCloseTo(100, 0);
  });

  it('counts what is out of range at the ends', () => {
    const latency = new Latency();
    latency.record(-0.2);
    latency.record(1e9);
    expect(latency.summary().count).toBe(2);
    expect(latency.summary().p50).toBe(0);
  });
});

describe('parseLoadOptions', () => {
  it('has defaults that make a short run', () => {
    expect(parseLoadOptions([])).toMatchObject({
      market: true,
      duration: 10,
      publishers: 1,
      frame: 256,
      encoding: 'binary',
    });
  });

  it('plays the whole of a recording', () => {
    const options = parseLoadOptions(['--csv', 'a.csv', '--speed', 'max', '--time-unit', 'us']);
    expect(options).toMatchObject({
      market: false,
      csv: 'a.csv',
      speed: Number.POSITIVE_INFINITY,
      duration: Number.POSITIVE_INFINITY,
      timeUnit: 'us',
    });
  });

  it.each([
    ['--rate', '0'],
    ['--rate', 'fast'],
    ['--publishers', '1.5'],
    ['--jump-probability', '2'],
    ['--encoding', 'xml'],
    ['--nonsense', '1'],
    ['--wildcard', '11'],
    ['--slow', '11'],
    ['--publishers', '1001'],
    ['--market', '--csv=a.csv'],
  ])('refuses %s %s with exit code 2', (...argv) => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => parseLoadOptions(argv)).toThrow(expect.objectContaining({ exitCode: 2 }));
    } finally {
      write.mockRestore();
    }
  });
});

describe('splitFlags', () => {
  it('splits at white space outside quotes', () => {
    expect(splitFlags(`  --a=1 --b="x y"  '--c=d e' `)).toEqual(['--a=1', '--b=x y', '--c=d e']);
    expect(splitFlags('')).toEqual([]);
  });
});
