import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { Counter } from '../../src/engine/index.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  type OracleModule,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import { folderForTest } from '../support/folders.ts';
import { ORACLE_MODULES } from '../support/rule-modules.ts';
import { ruleText, wordsOf } from '../support/rule-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

const SYMBOLS = 40;
const TICKS = marketTicks(SYMBOLS, 300_000, 7);
const DEATHS = 4;
const MODULES = new Map([['./swing.mjs', ORACLE_MODULES.get('swing') as OracleModule]]);
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
    { name: 'mine', kind: 'module', symbols: ['*'], module: './swing.mjs', warning: '1.5' },
  ],
};
/** What `swing` of the tests does, as an operator writes it. */
const MODULE = `export default {
  state: 2,
  onTick(state, base, price, time, out) {
    const before = state[base + 1];
    state[base + 1] = state[base];
    state[base] = price;
    if (before === 0) return;
    if (price > 1.1 * before) throw new Error('too far');
    out[0] = before;
    out[1] = ((price - before) / before) * 100;
  },
};`;

async function startRun(onDeath: () => void): Promise<EngineRun> {
  const folder = folderForTest();
  writeFileSync(join(folder, 'swing.mjs'), MODULE);
  const run = await EngineRun.start(
    {
      partitions: 2,
      channelCapacity: 8192,
      rules: { text: ruleText(FILE), since: 0, folder: pathToFileURL(`${folder}/`).href },
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
  const oracle = new SymbolRules(FILE, `SYM-${symbolId}`, {}, MODULES);
  for (const tick of ticks) {
    if (tick.symbolId !== symbolId) continue;
    const { price, time } = tick;
    oracle.take({ price, time, receivedAt: time, average: undefined });
  }
  return oracle.alerts;
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
    const at = own.findIndex((alert, i) => !isDeepStrictEqual(alert, expected[i]));
    if (at < 0 && own.length === expected.length) continue;
    disturbed++;
    // What was open when its tick killed the worker ends at once.
    const open = FILE.rules.filter(({ name, episode }) => {
      const last = own.slice(0, Math.max(0, at)).findLast(({ rule }) => rule === name);
      return episode !== null && last !== undefined && last.phase !== 'end';
    });
    const ends = own.slice(at, at + open.length).map(({ rule, reason }) => `${rule} ${reason}`);
    expect(ends).toEqual(open.map(({ name }) => `${name} closed`));
  }
  expect(disturbed).toBeLessThanOrEqual(run.sum(Counter.SKIPPED));
  expect(alerts).toBeGreaterThan(1000);
}, 120_000);
