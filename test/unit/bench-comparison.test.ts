import { expect, it } from 'vitest';
import { formatRegressions, regressions } from '../../bench/report/comparison.ts';
import type { WorkloadResult } from '../../bench/report/results.ts';
import type { WorkloadGroup } from '../../bench/workloads/workload.ts';

const GROUP: WorkloadGroup = {
  name: 'run',
  title: 'Run',
  description: '',
  columns: [
    { key: 'cost', title: 'µs', digits: 2 },
    { key: 'rate', title: 'ticks/s', digits: 0, isMoreBetter: true },
  ],
  workloads: [],
};

function resultsOf(cost: readonly number[], rate: readonly number[], name = 'run-a') {
  const tickwire = cost.map((value, index) => ({ cost: value, rate: rate[index] ?? Number.NaN }));
  const workload: WorkloadResult = { name, group: 'run', setting: '', rounds: { tickwire } };
  return { workloads: [workload] };
}

const RATES = [100, 101, 102];

it('names what is worse in every round, and by 5 % in the median; better is not worse', () => {
  const before = resultsOf([10, 11, 12], RATES);
  const worse = (cost: readonly number[], rate: readonly number[]) =>
    regressions([GROUP], before, resultsOf(cost, rate)).map(({ column }) => column);
  expect(worse([10, 11, 12], RATES)).toEqual([]);
  expect(worse([13, 14, 15], RATES)).toEqual(['µs']);
  // One round as before.
  expect(worse([12, 14, 15], RATES)).toEqual([]);
  expect(worse([1, 2, 3], [200, 200, 200])).toEqual([]);
  expect(worse([10, 11, 12], [80, 81, 82])).toEqual(['ticks/s']);
  expect(worse([10, 11, 12], [99, 99, 99])).toEqual([]);
  // A single round says little.
  expect(worse([13], [100])).toEqual([]);
  expect(worse([14], [100])).toEqual(['µs']);
});

it('compares only what both runs have, and says it in lines', () => {
  const before = resultsOf([10, 11, 12], RATES);
  expect(regressions([GROUP], before, resultsOf([90, 91, 92], RATES, 'run-new'))).toEqual([]);
  expect(regressions([GROUP], { workloads: [] }, before)).toEqual([]);
  const found = regressions([GROUP], before, resultsOf([22, 22, 22], [Number.NaN]));
  expect(formatRegressions(found, 'old.json')).toBe(
    'Against old.json: worse by more than noise:\n\n- run-a, tickwire: µs 11 → 22 (+100 %)',
  );
  expect(formatRegressions([], 'old.json')).toMatch(/nothing became worse/);
});
