import type { PartitionRuleMemory } from '../../../src/engine/memory/engine-memory.ts';
import { writeRuleText } from '../../../src/engine/memory/rule-texts.ts';
import { createSymbolNames, SymbolNames } from '../../../src/engine/memory/symbol-names.ts';
import { PartitionRules } from '../../../src/engine/partition-rules.ts';
import type { RuleModule } from '../../../src/rules/index.ts';
import type { Case, CaseMaker } from '../case.ts';
import { makePartition } from './partition.ts';

const SYMBOLS = 1000;
/** The row without rules that the others are compared with. */
const WITHOUT = `partition: apply a tick, ${SYMBOLS} symbols`;

const COMMON = { symbols: ['*'], warning: '2%', critical: '5%' };
const SPIKE = { ...COMMON, name: 'flash', kind: 'spike', windowMs: 1000 };
const SAMPLED = { warning: '80s', critical: '150s', floor: '0.1%' };
const HOURS = { tz: 'America/New_York', from: '00:00', to: '24:00' };

/** As many rules as may apply to a symbol, of every kind. */
const EIGHT = [
  SPIKE,
  { ...SPIKE, name: 'wide', windowMs: 10_000 },
  { ...SPIKE, ...SAMPLED, name: 'unusual' },
  { ...COMMON, name: 'print', kind: 'gap', hours: HOURS },
  { ...COMMON, name: 'run', kind: 'drift', overMs: 300_000 },
  { ...COMMON, name: 'band', kind: 'band', around: 'average' },
  { name: 'quiet', kind: 'stale', symbols: ['*'], afterMs: 60_000 },
  { name: 'mine', kind: 'module', symbols: ['*'], module: 'mine', warning: '30' },
];

/** How far a price is from its exponential average. */
const MODULE: RuleModule = {
  state: 1,
  onTick: (state, base, price, _time, out) => {
    const average = state[base] as number;
    out[0] = average;
    out[1] = average === 0 ? 0 : ((price - average) / average) * 100;
    state[base] = average === 0 ? price : average + 0.02 * (price - average);
  },
};

/** What a tick may cost more with rules than without, ns: docs/RULES.md, "What rules cost". */
export const ruleCases: readonly CaseMaker[] = [
  ruleCase('no rule for its symbol', [{ ...SPIKE, symbols: ['OTHER'] }], 2),
  ruleCase('one spike', [SPIKE], 40),
  ruleCase('eight rules', EIGHT, 300),
];

function ruleCase(title: string, rules: readonly object[], budgetNs: number): CaseMaker {
  return {
    name: `rules: apply a tick, ${title}`,
    allocatesNothing: true,
    budget: { beside: WITHOUT, ns: budgetNs },
    make: () => makeRuled(rules),
  };
}

function makeRuled(rules: readonly object[]): Case {
  const names = createSymbolNames(SYMBOLS);
  const encoder = new TextEncoder();
  for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
    const bytes = encoder.encode(`SYM${symbolId}.TEST`);
    new SymbolNames(names).set(symbolId, bytes, 0, bytes.length);
  }
  let alerts = 0;
  let faults = 0;
  const made = makePartition(SYMBOLS, names, ({ rules: own }, window) => {
    const memory = own as PartitionRuleMemory;
    const ids = [...rules.keys()];
    writeRuleText(memory.texts, 0, { text: JSON.stringify({ rules }), ids });
    const modules = new Map([['mine', MODULE]]);
    const judge = new PartitionRules(memory, window, { append: () => alerts++ }, modules);
    judge.onFaults = () => faults++;
    return judge;
  });
  const finish = async () => {
    await made.finish?.();
    if (alerts + faults > 0) throw new Error(`${alerts} alerts, ${faults} symbols with faults`);
  };
  return { ...made, finish };
}
