import { float64s, sharedMemory } from '../threads/shared-memory.ts';
import type { RuleCounts } from './alert-output.ts';

/** Rules that may get an id while a server runs. */
const RULE_IDS_MAX = 1024;

/** What is counted of a rule in a partition. */
export const RuleCount = { STARTED: 0, ENDED: 1, SUPPRESSED: 2, FAILED: 3 } as const;
const COUNTS = 4;

/** Shared memory for what the rules of a partition count, by id. */
export function createRuleCounts(): SharedArrayBuffer {
  return sharedMemory(RULE_IDS_MAX * COUNTS * 8);
}

/** Counts by rule, as doubles. Single writer: the partition's holder; any thread reads. */
export class RuleCounters implements RuleCounts {
  readonly #doubles: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#doubles = float64s(memory);
  }

  get(ruleId: number, count: number): number {
    return this.#doubles[ruleId * COUNTS + count] as number;
  }

  started(ruleId: number): void {
    this.#add(ruleId, RuleCount.STARTED);
  }

  ended(ruleId: number): void {
    this.#add(ruleId, RuleCount.ENDED);
  }

  suppressed(ruleId: number): void {
    this.#add(ruleId, RuleCount.SUPPRESSED);
  }

  failed(ruleId: number): void {
    this.#add(ruleId, RuleCount.FAILED);
  }

  /** Says how many episodes of a rule are open: a worker may have died before it counted one. */
  recount(ruleId: number, open: number): void {
    const at = ruleId * COUNTS;
    this.#doubles[at + RuleCount.ENDED] = (this.#doubles[at + RuleCount.STARTED] as number) - open;
  }

  #add(ruleId: number, count: number): void {
    const at = ruleId * COUNTS + count;
    this.#doubles[at] = (this.#doubles[at] as number) + 1;
  }
}
