import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { Counter } from '../../src/engine/index.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import { ruleText, wordsOf } from '../support/rule-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

const SYMBOLS = 40;
const TICKS = marketTicks(SYMBOLS, 300_000, 7);
const DEATHS = 4;
const COMMON = { symbols: ['*'], warning: '1%' };
const FILE: OracleFile = {
  rules: [
    {
      ...COMMON,
      name: 'flash',
      kind: 'spike',
      windowMs: 1000,
      critical: '2.5%',
      episode: { step: true, holdMs: 300, cooldownMs: 200 },
    },
    { ...COMMON, name: 'every', kind: 'spike', windowMs: 50, episode: null },
    { ...COMMON, name: 'print', kind: 'gap' },
  ],
};
async function startRun(onDeath: () => void): Promise<EngineRun> {
  const run = await EngineRun.start(
    {
      partitions: 2,
      channelCapacity: 8192,
      rules: { text: ruleText(FILE), since: 0 },
    },
    { workerRestarted: onDeath },
  );
  run.register(SYMBOLS);
  return run;
}

/** Kills a partition's workers in turn, each soon after it begins to apply ticks. */
async function killAtWork(run: EngineRun, partition: number): Promise<void> {
  const { counters } = run.engine.status(partition);
  for (let death = 0; death < DEATHS; death++) {
    const before = counters.get(Counter.APPLIED);
    while (counters.get(Counter.APPLIED) === before) await delay(1);
    await delay((death * 5 + partition * 3) % 9);
    await run.engine.killWorker(partition);
  }
}

async function offerUntil(run: EngineRun, done: Promise<unknown>): Promise<StoryTick[]> {
  const progress = { isDone: false };
  void done.then(() => {
    progress.isDone = true;
  });
  const accepted: StoryTick[] = [];
  for (let from = 0; !progress.isDone && from < TICKS.length; from += 500) {
    for (const tick of TICKS.slice(from, from + 500)) if (run.offer(tick)) accepted.push(tick);
    await run.turn();
    await delay(1);
  }
  return accepted;
}

function expectedAlerts(ticks: readonly StoryTick[], symbolId: number): readonly ExpectedAlert[] {
  const oracle = new SymbolRules(FILE, `SYM-${symbolId}`);
  for (const tick of ticks) {
    if (tick.symbolId !== symbolId) continue;
    const { price, time } = tick;
    oracle.take({ price, time, receivedAt: time, average: undefined });
  }
  return oracle.alerts;
}

/** What is open when its tick kills the worker ends at once, and all of it. */
function expectClosedTogether(alerts: readonly ExpectedAlert[]): void {
  const open = new Set<string>();
  let isClosing = false;
  for (const { rule, phase, reason } of alerts) {
    if (isClosing && reason !== 'closed') expect([...open]).toEqual([]);
    isClosing = reason === 'closed';
    if (phase === 'end') open.delete(rule);
    else if (rule !== 'every') open.add(rule);
  }
}

it('the death of a worker changes the alerts of the symbol of its tick alone', async () => {
  let deaths = 0;
  const run = await startRun(() => {
    deaths++;
  });
  const kills = Promise.all([killAtWork(run, 0), killAtWork(run, 1)]);
  const accepted = await offerUntil(run, kills);
  await kills;
  await run.settle();
  await run.stop();
  expect(deaths).toBeGreaterThanOrEqual(2 * DEATHS);
  let disturbed = 0;
  let alerts = 0;
  for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
    const own = (run.alerts.get(symbolId) ?? []).map(wordsOf);
    alerts += own.length;
    expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, i) => i + 1));
    const expected = expectedAlerts(accepted, symbolId);
    if (isDeepStrictEqual(own, expected)) continue;
    disturbed++;
    expectClosedTogether(own);
  }
  expect(disturbed).toBeLessThanOrEqual(run.sum(Counter.SKIPPED));
  expect(alerts).toBeGreaterThan(1000);
}, 120_000);
