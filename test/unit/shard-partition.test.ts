import { expect, it } from 'vitest';
import { decodeSymbolStates, ShardPartition } from '../../src/engine/index.ts';
import type { Alert } from '../../src/protocol/index.ts';
import { ruleText } from '../support/rule-rig.ts';

const T = 1_700_000_000_000;
const LATENESS_MS = 300;
const STALE = ruleText({
  rules: [{ name: 'quiet', kind: 'stale', symbols: ['S'], afterMs: 400 }],
});

function shardWith(alerts: Alert[], from?: ShardPartition): ShardPartition {
  return new ShardPartition({
    symbols: 4,
    growBytes: 65_536,
    rules: {
      movingAverageWindow: 4,
      anomalyThresholdPercent: 2,
      slidingWindowMilliseconds: 1000,
      windowCapacity: 64,
      maxFutureMs: 5000,
      allowedLatenessMs: LATENESS_MS,
    },
    states: from === undefined ? [] : decodeSymbolStates(Buffer.concat([...from.states()])),
    ruleText: from?.ruleText,
    onAnomaly: () => undefined,
    onAlert: (alert) => alerts.push(alert),
  });
}

function apply(shard: ShardPartition, time: number): void {
  shard.apply(shard.symbolId(new TextEncoder().encode('S'), 1), 100, T + time, T + time);
}

it.each([
  ['before the rule, and waited until after it', true],
  ['under the rule', false],
])('restored, it raises for silence what it raises unrestored, of a tick %s', (_, isBefore) => {
  const alerts: Alert[] = [];
  const shard = shardWith(alerts);
  if (isBefore) apply(shard, 0);
  shard.adoptRules(STALE, T);
  if (!isBefore) apply(shard, 0);
  shard.advanceClock(T + LATENESS_MS);

  const restoredAlerts: Alert[] = [];
  const restored = shardWith(restoredAlerts, shard);
  for (const each of [shard, restored]) each.advanceClock(T + 401);
  // Of a tick before the rule it is not known when it came.
  expect(alerts.map(({ time }) => time)).toEqual(isBefore ? [] : [T + 401]);
  expect(restoredAlerts).toEqual(alerts);
  for (const each of [shard, restored]) {
    apply(each, 500);
    each.advanceClock(T + 901);
  }
  expect(alerts.at(-1)?.time).toBe(T + 901);
  expect(restoredAlerts).toEqual(alerts);
});
