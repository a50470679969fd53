/** What is an alert: the rule file, and its judgement of ticks. The only entry to this folder. */
export type { AlertOutput } from './alert-output.ts';
export type { NewestAlert } from './episode-repair.ts';
export { JsonFields, showJson } from './json-fields.ts';
export { Move } from './move.ts';
export { quietMultiples } from './quiet-zone.ts';
export { createRuleCounts, RuleCount, RuleCounters } from './rule-counters.ts';
export { type PriceWindow, RuleEvaluator } from './rule-evaluator.ts';
export { NO_RULES, parseRuleFile } from './rule-file.ts';
export {
  createRuleMemory,
  HEAD_DOUBLES,
  Head,
  type RuleMemory,
  ruleMemoryBytes,
  type SlotState,
  SlotView,
} from './rule-memory.ts';
export type { RuleModule } from './rule-module.ts';
export { NO_PLAN, RuleSet, type SymbolPlan } from './rule-set.ts';
export {
  formatFault,
  type Rule,
  type RuleFault,
  type RuleFile,
} from './rule-types.ts';
export { overrideWords, ruleWords } from './rule-words.ts';
