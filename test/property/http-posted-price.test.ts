import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Engine } from '../../src/engine/index.ts';
import { TickIntake } from '../../src/gateway/ingest/tick-intake.ts';
import { readPostedPrice } from '../../src/http/commands/posted-price.ts';
import { TickBatch } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { unlimitedScope } from '../support/anonymous-client.ts';

const NOW = 1_700_000_000_000;
const LIMITS = { maxFutureMs: 60_000, maxPastMs: 0 };

const anything = fc.oneof(fc.jsonValue(), fc.constant(undefined));
const posted = fc.record({
  symbol: fc.oneof(fc.constantFrom('A', 'B', '', ' A', 'A*', 'x'.repeat(33)), anything),
  price: fc.oneof(fc.constantFrom(1, 0, -1, Number.POSITIVE_INFINITY), fc.double(), anything),
  timestamp: fc.oneof(
    fc.constantFrom(
      NOW,
      NOW + LIMITS.maxFutureMs,
      NOW + LIMITS.maxFutureMs + 1,
      -0.5,
      0,
      '1970-01-01',
    ),
    fc.constantFrom(undefined, null, '2023-11-14T22:13:20Z', '2033-11-14T22:13:20Z'),
    fc.double(),
    anything,
  ),
});

describe('readPostedPrice', () => {
  const { processing } = parseConfig({ processing: { maxSymbols: 4096 } });
  let engine: Engine;

  beforeAll(async () => {
    const options = { ...processing, partitions: 1, overwrites: true };
    engine = await Engine.start(options, { workerRestarted: () => undefined });
  });
  afterAll(() => engine.stop());

  it('finds fault with exactly the prices that the intake rejects', () => {
    const intake = new TickIntake(engine, LIMITS, { symbolAppeared: () => undefined });
    const scope = unlimitedScope();
    fc.assert(
      fc.property(fc.array(posted, { maxLength: 30 }), (bodies) => {
        const prices = bodies.map((body) => readPostedPrice(body, NOW, LIMITS));
        const batch = new TickBatch();
        batch.start(0, bodies.length);
        for (const { symbol, timestamp, price } of bodies) {
          // Straight from the body, except for HTTP's rules: no numeric symbols, and times may be
          // text or absent.
          const isText = typeof symbol === 'string' ? symbol : undefined;
          const own = readPostedPrice({ symbol: 'A', price: 1, timestamp }, NOW, {
            ...LIMITS,
            maxFutureMs: 1e300,
          });
          batch.addValues(isText, price, typeof timestamp === 'number' ? timestamp : own.time);
        }
        intake.take(batch, undefined, NOW, 0, scope, 0, true);
        const rejected = intake.faults.filter((_, i) => i % 2 === 0);
        const faulty = prices.flatMap(({ faults }, i) => (faults.length > 0 ? [i] : []));
        expect(rejected).toEqual(faulty);
        expect(intake.accepted + intake.rejected).toBe(bodies.length);
      }),
      { numRuns: 500 },
    );
  });

  it('names every fault, and none that is not there', () => {
    fc.assert(
      fc.property(posted, (body) => {
        const good = { symbol: 'A', price: 1, timestamp: NOW };
        const isBad = (field: keyof typeof good) =>
          readPostedPrice({ ...good, [field]: body[field] }, NOW, LIMITS).faults.length > 0;
        const { faults } = readPostedPrice(body, NOW, LIMITS);
        const fields = ['symbol', 'price', 'timestamp'] as const;
        expect(faults.map(({ field }) => field)).toEqual(fields.filter(isBad));
      }),
      { numRuns: 500 },
    );
  });
});
