import { expect, it } from 'vitest';
import { SymbolRules } from '../../testkit/independent/rules.ts';
import { recordedTicks, TICKS_VARIABLE } from '../../testkit/ticks.ts';
import { RuleRig } from '../support/rule-rig.ts';

const ticks = recordedTicks();
const isMissing = ticks === undefined;
const title = 'recorded ticks of real markets raise the alerts that the definition says';
/** Enough for every kind; the oracle searches lists. */
const TICKS_MAX = 60_000;

if (isMissing) {
  process.stderr.write(
    `\n*** NOT TESTED: "${title}". ${TICKS_VARIABLE} names no file of recorded ticks. ***\n\n`,
  );
}

const SIGMA = { sampleMs: 1000, halfLifeMs: 60_000, warmup: 5, scale: 'ewma' };
const FILE = {
  rules: [
    {
      name: 'flash',
      kind: 'spike',
      symbols: ['*'],
      windowMs: 1000,
      warning: '0.2%',
      critical: '1%',
      episode: { step: true, cooldownMs: 500 },
    },
    { name: 'wide', kind: 'spike', symbols: ['*'], windowMs: 60_000, warning: '0.5%' },
    { name: 'every', kind: 'spike', symbols: ['*'], windowMs: 50, warning: '0.3%', episode: null },
    {
      name: 'unusual',
      kind: 'spike',
      symbols: ['*'],
      windowMs: 1000,
      warning: '5s',
      critical: '9s',
      floor: '0.02%',
      sigma: SIGMA,
    },
    { name: 'print', kind: 'gap', symbols: ['*'], warning: '0.1%' },
    {
      name: 'run',
      kind: 'drift',
      symbols: ['*'],
      overMs: 16_000,
      warning: '6s',
      floor: '0.05%',
      sigma: { ...SIGMA, scale: 'mad' },
    },
    { name: 'band', kind: 'band', symbols: ['*'], around: 'average', warning: '0.2%' },
    { name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 10_000 },
  ],
};

it.skipIf(isMissing && !process.env.CI)(
  isMissing ? `${title} (skipped: ${TICKS_VARIABLE} is not set)` : title,
  () => {
    if (ticks === undefined) throw new Error(`${TICKS_VARIABLE} must be set in CI`);
    const names = [...new Set(ticks.map(({ symbol }) => symbol))];
    const perSymbol = Math.ceil(TICKS_MAX / names.length);
    const rig = new RuleRig(FILE, names, { rules: { movingAverageWindow: 64 } });
    const raised = new Map<string, number>();
    let now = 0;
    const taken = names.map(() => 0);
    const oracles = names.map((name) => new SymbolRules(FILE, name));
    for (const { symbol, price, time } of ticks) {
      const symbolId = names.indexOf(symbol);
      if ((taken[symbolId] as number) >= perSymbol) continue;
      taken[symbolId] = (taken[symbolId] as number) + 1;
      if (time > now + 250) {
        now = time;
        rig.clock(now);
        for (const oracle of oracles) oracle.clock(now);
      }
      const average = rig.average(symbolId);
      rig.apply(symbolId, { price, time }, Math.max(now, time));
      oracles[symbolId]?.take({ price, time, receivedAt: Math.max(now, time), average });
    }
    for (const [symbolId, oracle] of oracles.entries()) {
      expect(rig.alerts.of(symbolId), names[symbolId]).toEqual(oracle.alerts);
      for (const { rule } of oracle.alerts) raised.set(rule, (raised.get(rule) ?? 0) + 1);
    }
    for (const { name } of FILE.rules) expect(raised.get(name) ?? 0, name).toBeGreaterThan(10);
  },
  120_000,
);
