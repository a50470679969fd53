import { expect, it } from 'vitest';
import { Quarantine } from '../../src/engine/worker-threads.ts';

it('leaves ticks alone whose workers were killed from outside, once each', () => {
  const quarantine = new Quarantine();
  for (const position of [7, undefined, 7, 8, undefined, undefined, 9]) {
    expect(quarantine.judge(position, false)).toBe(false);
  }
  expect(quarantine.count).toBe(0);
});

it('blames a tick at which a worker failed, and one at which two died in a row', () => {
  const quarantine = new Quarantine();
  expect(quarantine.judge(7, true)).toBe(true);
  expect(quarantine.judge(8, false)).toBe(false);
  expect(quarantine.judge(8, false)).toBe(true);
  expect(quarantine.count).toBe(2);
});

it('counts a tick once, however many died of it', () => {
  const quarantine = new Quarantine();
  for (const hasFailed of [true, true, false]) quarantine.judge(-3, hasFailed);
  expect(quarantine.count).toBe(1);
});

it('blames no tick where a worker failed at none', () => {
  const quarantine = new Quarantine();
  expect(quarantine.judge(undefined, true)).toBe(false);
  expect(quarantine.judge(undefined, true)).toBe(false);
  expect(quarantine.count).toBe(0);
});
