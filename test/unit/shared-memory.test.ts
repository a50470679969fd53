import { afterEach, expect, it, vi } from 'vitest';
import { Engine, ShardPartition } from '../../src/engine/index.ts';
import {
  float64s,
  int32s,
  sharedMemory,
  uint8s,
  uint32s,
} from '../../src/threads/shared-memory.ts';
import { until } from '../../testkit/until.ts';
import { InlineWorkers } from '../support/inline-workers.ts';
import { oneTick } from '../support/partition-rig.ts';
import { ruleText } from '../support/rule-rig.ts';

const T = 1_700_000_000_000;
const RULES = {
  movingAverageWindow: 4,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 1000,
  windowCapacity: 64,
  maxFutureMs: 5000,
  allowedLatenessMs: 300,
};
const ALL_KINDS = ruleText({
  rules: [
    { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' },
    { name: 'jump', kind: 'gap', symbols: ['*'], warning: '1.5%' },
    { name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 400 },
  ],
});

afterEach(() => vi.unstubAllGlobals());

it.each([int32s, uint32s, float64s, uint8s])('%o has a length of its own', (view) => {
  const memory = new SharedArrayBuffer(64, { maxByteLength: 128 });
  const whole = view(memory);
  const [rest, part] = [view(memory, 16), view(memory, 16, 2)];
  memory.grow(128);
  expect([whole.byteLength, rest.byteLength, part.length]).toEqual([64, 48, 2]);
});

it('is zeroed, and as long as it was asked for', () => {
  expect([...uint8s(sharedMemory(5))]).toEqual([0, 0, 0, 0, 0]);
});

/** Has views that follow their buffer's length noted: where each was made. */
function noteSlowViews(): string[] {
  const made: string[] = [];
  for (const View of [Int8Array, Uint8Array, Int32Array, Uint32Array, Float64Array, DataView]) {
    const noting: typeof View = new Proxy(View, {
      construct(target, given: unknown[], newTarget): object {
        const [buffer, , length] = given;
        if (buffer instanceof SharedArrayBuffer && buffer.growable && length === undefined) {
          made.push(new Error(View.name).stack ?? View.name);
        }
        return Reflect.construct(
          target,
          given,
          newTarget === noting ? target : newTarget,
        ) as object;
      },
    });
    vi.stubGlobal(View.name, noting);
  }
  return made;
}

it('is not looked at through slow views by a shard', () => {
  const slow = noteSlowViews();
  const outputs: unknown[] = [];
  const shard = new ShardPartition({
    symbols: 4,
    growBytes: 65_536,
    rules: RULES,
    states: [],
    ruleText: ALL_KINDS,
    onAnomaly: (anomaly) => outputs.push(anomaly),
    onAlert: (alert) => outputs.push(alert),
  });
  const id = shard.symbolId(Buffer.from('S'), 1);
  for (let i = 0; i < 40; i++) shard.apply(id, 100 + 5 * (i & 1), T + i, T + i);
  shard.advanceClock(T + 10_000);
  expect([...shard.states()]).not.toEqual([]);
  expect(outputs.length).toBeGreaterThan(2);
  expect(slow).toEqual([]);
});

it('is not looked at through slow views by an engine and its workers', async () => {
  const slow = noteSlowViews();
  const alerts: unknown[] = [];
  const engine = await Engine.start(
    {
      ...RULES,
      partitions: 2,
      channelCapacity: 128,
      overwrites: false,
      maxSymbols: 64,
      growBytes: 1 << 20,
      anomalyRingCapacity: 1024,
      captures: true,
      spawn: new InlineWorkers().spawn,
      rules: { text: ALL_KINDS, since: 5 },
    },
    { workerRestarted: () => undefined, ruleFaults: () => undefined },
    [],
  );
  for (let i = 0; i < 64; i++) {
    const bytes = Buffer.from(`S${i & 7}`);
    const known = engine.symbols.find(bytes, 0, bytes.length);
    const id = known < 0 ? engine.symbols.register(bytes, 0, bytes.length) : known;
    engine.tryOffer(id, oneTick(100 + 5 * (i & 8), T + 100 * i, T + 100 * i), 0);
  }
  engine.publishTicks();
  await until(() => {
    engine.drainAnomalies(() => undefined);
    engine.drainAlerts((alert) => alerts.push(alert));
    return !engine.isApplying() && alerts.length > 0;
  });
  await engine.stop();
  expect(slow).toEqual([]);
});
