import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALL_CASES } from '../../bench/micro/all-cases.ts';
import {
  type Baseline,
  BYTES_WITHIN,
  type Comparison,
  compare,
  comparisonTable,
  readBaseline,
  writeBaseline,
} from '../../bench/micro/baseline.ts';
import type { Measurement } from '../../bench/micro/measure-case.ts';
import { folderForSuite } from '../support/folders.ts';

const ROOT = join(import.meta.dirname, '../..');
const BASELINE = join(ROOT, 'bench/micro/baseline.json');

const folder = folderForSuite();

const MEASURED: Measurement = {
  name: 'a case',
  medianNs: 20,
  minNs: 18,
  calibrationNs: 20_000,
  relative: 0.001,
  bytes: 3,
};

function baselineOf(changes: Partial<Measurement>): Baseline {
  const machine = {
    processor: 'any',
    processors: 1,
    memoryGiB: 1,
    platform: 'any',
    node: 'v20.19.0',
    commit: 'any',
    date: '2026-01-01T00:00:00.000Z',
  };
  return { machine, timeMs: 1, results: [{ ...MEASURED, ...changes }] };
}

function compared(changes: Partial<Measurement>, baseline = baselineOf({})): Comparison {
  return compare({ ...MEASURED, ...changes }, { allocatesNothing: false }, baseline, 'v20.20.2');
}

describe('a comparison with the baseline', () => {
  it('is by the calibrated time: a machine half as fast is no slower code', () => {
    const slowMachine = compared({ medianNs: 40, calibrationNs: 40_000 });
    expect(slowMachine).toMatchObject({ ratio: 1, warning: undefined, failure: undefined });
  });

  it.each([
    [1.29, undefined],
    [1.31, 'slower than the baseline, 1.31 times its time'],
    [0.78, undefined],
    [0.5, 'faster than the baseline, 0.50 of its time'],
  ])('at %f times its time warns: %s', (times, warning) => {
    const { ratio, ...rest } = compared({ relative: 0.001 * times });
    expect(ratio).toBeCloseTo(times);
    expect(rest).toMatchObject({ warning, failure: undefined });
  });

  it('fails by more bytes an operation than before, and by nothing else', () => {
    expect(compared({ bytes: 4.9 }).failure).toBeUndefined();
    expect(compared({ bytes: 5.1 }).failure).toBe(
      'allocates 5.10 bytes an operation, and 3 before',
    );
    expect(compared({ bytes: 0, relative: 1 }).failure).toBeUndefined();
  });

  it('is of bytes on the same version of Node only', () => {
    const measured = { ...MEASURED, bytes: 5.1 };
    const promise = { allocatesNothing: false };
    expect(compare(measured, promise, baselineOf({}), 'v20.20.2').failure).toBeDefined();
    expect(compare(measured, promise, baselineOf({}), 'v24.1.0').failure).toBeUndefined();
  });

  it('fails by a broken promise, whatever the baseline', () => {
    const promise = { allocatesNothing: true };
    const broken = 'allocates 3.00 bytes an operation, and promises none';
    expect(compare(MEASURED, promise, baselineOf({})).failure).toBe(broken);
    expect(compare(MEASURED, promise, undefined).failure).toBe(broken);
    expect(compare({ ...MEASURED, bytes: 0.2 }, promise, undefined).failure).toBeUndefined();
  });

  it('says of a new case that there is nothing to compare with', () => {
    const { ratio, baselineBytes, warning, failure } = compared({ name: 'another' });
    expect({ ratio, baselineBytes, failure }).toEqual({});
    expect(warning).toBe('not in the baseline');
  });

  it('is shown in columns, a failure before a warning', () => {
    const table = comparisonTable([compared({ bytes: 12, relative: 0.002 }), compared({})]);
    expect(table.split('\n')).toEqual([
      '          ns   min  bytes  baseline  ratio',
      'a case  20.0  18.0  12.00      3.00   2.00  ' +
        'FAILED: allocates 12.00 bytes an operation, and 3 before',
      'a case  20.0  18.0   3.00      3.00   1.00',
    ]);
  });

  it('says how much of its budget a case takes, and when it takes more', () => {
    const promise = { allocatesNothing: true, budget: { beside: 'another', ns: 40 } };
    const remarks = [12.34, 41].map((moreNs) => {
      const table = comparisonTable([
        compare({ ...MEASURED, bytes: 0, moreNs }, promise, baselineOf({})),
      ]);
      return table.split('\n')[1]?.replace(/.*1\.00\s*/, '');
    });
    expect(remarks).toEqual(['12.3 of 40 ns more', 'OVER ITS BUDGET: 41.0 of 40 ns more']);
  });
});

describe('the stored baseline', () => {
  it('has figures of every case without a budget and no other', () => {
    const { machine, results } = readBaseline(BASELINE);
    expect(Date.parse(machine.date)).toBeGreaterThan(0);
    const stored = ALL_CASES.filter(({ budget }) => budget === undefined);
    expect(results.map(({ name }) => name)).toEqual(stored.map(({ name }) => name));
    for (const { medianNs, minNs, calibrationNs, relative, bytes } of results) {
      expect(minNs).toBeGreaterThan(0);
      expect(medianNs).toBeGreaterThanOrEqual(minNs);
      expect(relative / (medianNs / calibrationNs)).toBeGreaterThan(0.3);
      expect(relative / (medianNs / calibrationNs)).toBeLessThan(3);
      expect(bytes).toBeGreaterThanOrEqual(0);
    }
  });

  it('shows nothing where nothing is promised', () => {
    const promising = new Set(
      ALL_CASES.filter(({ allocatesNothing }) => allocatesNothing).map(({ name }) => name),
    );
    const broken = readBaseline(BASELINE).results.filter(
      ({ name, bytes }) => promising.has(name) && bytes > BYTES_WITHIN,
    );
    expect(broken).toEqual([]);
  });

  it('reads as it was written, rounded', () => {
    const path = join(folder, 'baseline.json');
    writeBaseline(path, baselineOf({ medianNs: 20.123456, relative: 0.00123456, bytes: 0.004 }));
    expect(readBaseline(path)).toEqual(
      baselineOf({ medianNs: 20.12, relative: 0.001235, bytes: 0 }),
    );
  });
});
