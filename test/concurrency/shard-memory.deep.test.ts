import { expect, it } from 'vitest';
import { ManagedProcess } from '../../testkit/managed-process.ts';

/** Shards of an owner with `processing.maxSymbols` at its default and 256 shards. */
const SHARDS = 128;
const ROUNDS = 5;
/** Bytes a shard, and what the process has beside them. */
const SHARD_BYTES_MAX = 400_000;
const PROCESS_BYTES_MAX = 80_000_000;

/**
 * Takes over shards again and again. Tells, each time, the resident memory with no file behind it
 * once the shards before are collected: the next ones may get their pages.
 */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { decodeSymbolStates, ShardPartition } from './dist/src/engine/index.js';

const rules = { movingAverageWindow: 64, anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 1000, windowCapacity: 64, maxFutureMs: 5000, allowedLatenessMs: 0 };
const adopt = (states) => new ShardPartition({ symbols: 3125, growBytes: 16_777_216, rules, states,
  onAnomaly() {}, onAlert() {} });
let shards = Array.from({ length: ${SHARDS} }, () => adopt([]));
for (const shard of shards) {
  for (let i = 0; i < 12; i++)
    shard.apply(shard.symbolId(Buffer.from('S' + i), 1), 100, 1e12, 1e12);
}
for (let round = 0; round < ${ROUNDS}; round++) {
  shards = shards.map((shard) => adopt(decodeSymbolStates(Buffer.concat([...shard.states()]))));
  globalThis.gc();
  const status = readFileSync('/proc/self/status', 'utf8');
  console.log(1024 * Number(/RssAnon:\\s*(\\d+)/.exec(status)[1]));
}
`;

it('shards that are taken over again and again take memory for what they hold', async () => {
  const args = ['--expose-gc', '--input-type=module', '-e', PROGRAM];
  const child = new ManagedProcess(process.execPath, args);
  expect(await child.exited, child.output).toBe(0);
  const bytes = child.output.trim().split('\n').map(Number);
  expect(bytes).toHaveLength(ROUNDS);
  for (const each of bytes) {
    expect(each).toBeLessThan(PROCESS_BYTES_MAX + SHARDS * SHARD_BYTES_MAX);
  }
});
