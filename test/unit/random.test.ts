import { describe, expect, it } from 'vitest';
import { Zipf } from '../../loadgen/zipf.ts';
import { Random } from '../../testkit/random.ts';

function draws(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.uint32());
}

describe('Random', () => {
  it('repeats itself for a seed, and only for that seed', () => {
    expect(draws(1, 100)).toEqual(draws(1, 100));
    expect(draws(1, 100)).not.toEqual(draws(2, 100));
  });

  it('keeps to numbers that every machine gets', () => {
    expect(draws(1, 3)).toMatchInlineSnapshot(`
      [
        3059756466,
        2658592661,
        260201315,
      ]
    `);
  });

  it('spreads evenly over the unit interval', () => {
    const random = new Random(3);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 100_000; i++) {
      const bucket = Math.floor(random.float() * 10);
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    // Five standard deviations of a binomial count of 10 000.
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(475);
  });

  it('samples without repetition', () => {
    const sample = new Random(4).sample(20, 50);
    expect(new Set(sample).size).toBe(20);
    expect(Math.min(...sample)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...sample)).toBeLessThan(50);
    expect(new Random(4).sample(99, 5).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('Zipf', () => {
  it('draws each rank as often as the law says', () => {
    const ranks = 20;
    const zipf = new Zipf(ranks, 1);
    const random = new Random(5);
    const counts = Array.from({ length: ranks }, () => 0);
    const total = 200_000;
    for (let i = 0; i < total; i++) {
      const rank = zipf.draw(random);
      counts[rank] = (counts[rank] as number) + 1;
    }
    const harmonic = counts.reduce((sum, _, i) => sum + 1 / (i + 1), 0);
    for (const [i, count] of counts.entries()) {
      const expected = total / (i + 1) / harmonic;
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  it('draws all ranks alike with an exponent of 0', () => {
    expect([...new Zipf(4, 0).weights]).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(new Zipf(1, 1).draw(new Random(1))).toBe(0);
  });
});
