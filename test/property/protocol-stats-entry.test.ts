import { decode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import {
  ALL_FIELDS,
  ByteWriter,
  deltaMask,
  FULL,
  VALUES,
  writeEntry,
} from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { SdkMirror } from '../support/sdk-mirror.ts';

const KEYS = ['price', 'average', 'count', 'time', 'min', 'max'] as const;

const price = fc.oneof(
  fc.constantFrom(1, 2, 100.5),
  fc.double({ min: Number.MIN_VALUE, max: 1e300, noNaN: true }),
);
const step = fc.record({
  price,
  average: price,
  ticks: fc.integer({ min: 0, max: 1000 }),
  elapsed: fc.oneof(fc.constant(0), fc.nat(10_000), fc.double({ min: 0, max: 1e13, noNaN: true })),
  low: price,
  high: price,
  isSent: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
const start = fc.oneof(
  fc.constant(0.3),
  fc.constant(1_700_000_000_000),
  fc.double({ min: 0, max: 1e13, noNaN: true }),
);

/** Successive versions of a symbol's row in one memory. */
function versions(steps: readonly Step[], startTime: number): Float64Array {
  let count = 0;
  let time = startTime;
  return Float64Array.from(
    steps.flatMap(({ price: current, average, ticks, elapsed, low, high }) => {
      count += ticks;
      time += elapsed;
      return [current, average, count, time, low, high];
    }),
  );
}

/** Round-trips an entry through MessagePack and applies it. */
function deliver(
  mirror: SdkMirror,
  mask: number,
  values: Float64Array,
  from: number,
  to: number,
): void {
  const writer = new ByteWriter(1);
  const count = writeEntry(writer, 3, mask, values, from, to);
  const header = new ByteWriter();
  header.arrayHeader(count);
  const bytes = Buffer.concat([header.view(), writer.view()]);
  mirror.apply(decode(bytes) as number[]);
}

it('brings a mirror from any version to any later one exactly, whatever is skipped', () => {
  const steps = fc.array(step, { minLength: 1, maxLength: 12 });
  const mask = fc.integer({ min: 1, max: ALL_FIELDS });
  fc.assert(
    fc.property(steps, start, mask, (all, startTime, fields) => {
      const values = versions(all, startTime);
      const mirror = new SdkMirror();
      let known: number | undefined;
      all.forEach(({ isSent }, index) => {
        if (!isSent && index !== all.length - 1) return;
        const to = index * VALUES;
        const entry = known === undefined ? fields | FULL : deltaMask(values, known, to, fields);
        if (entry !== 0) deliver(mirror, entry, values, known ?? to, to);
        known = to;
        const held = mirror.values.get(3);
        KEYS.forEach((key, bit) => {
          const wanted = (fields & (1 << bit)) !== 0;
          expect(held?.[key]).toBe(wanted ? values[to + bit] : Number.NaN);
        });
      });
    }),
    { numRuns: 1000 },
  );
});
