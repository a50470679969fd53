import {
  type AlertOutput,
  Move,
  type PriceWindow,
  RuleCounters,
  RuleEvaluator,
  type RuleMemory,
  type RuleModule,
  type RuleSet,
  type SymbolPlan,
} from '../rules/index.ts';
import { SymbolNames } from './memory/symbol-names.ts';
import { TimedSymbols } from './memory/timed-symbols.ts';
import { symbolOfName, tenantOf } from './name-space.ts';

/** The memory of a partition's rules. */
export interface PartitionRuleMemory extends RuleMemory {
  /** Names of all symbols. */
  readonly names: SharedArrayBuffer;
  /** Of the partition: what its rules counted, and its symbols that the clock concerns. */
  readonly counts: SharedArrayBuffer;
  readonly timed: SharedArrayBuffer;
}

const UNKNOWN = 0;
const decoder = new TextDecoder();

/** Judges the ticks of a partition by the rules in force. One thread; allocates nothing a tick. */
export class PartitionRules {
  /** Called when the rules of a symbol are first looked up and some cannot apply. */
  onFaults: (symbolId: number, faults: readonly string[]) => void = () => undefined;
  readonly #evaluator: RuleEvaluator;
  readonly #names: SymbolNames;
  readonly #timed: TimedSymbols;
  #rules: RuleSet;
  /** By symbol: UNKNOWN, or the index of its plan. */
  readonly #planIds: Uint16Array;
  #plans: SymbolPlan[] = [];
  #planIdOf = new Map<SymbolPlan, number>();

  constructor(
    memory: PartitionRuleMemory,
    rules: RuleSet,
    window: PriceWindow,
    output: AlertOutput,
    modules: ReadonlyMap<string, RuleModule>,
  ) {
    const counts = new RuleCounters(memory.counts);
    this.#evaluator = new RuleEvaluator({ memory, window, output, counts, modules });
    this.#names = new SymbolNames(memory.names);
    this.#timed = new TimedSymbols(memory.timed);
    this.#rules = rules;
    this.#planIds = new Uint16Array(this.#evaluator.symbols);
    this.#forgetPlans();
  }

  /** The longest window of any rule, ms. */
  get longestMs(): number {
    return this.#rules.longestMs;
  }

  /** The rules of a symbol. */
  plan(symbolId: number): SymbolPlan {
    const id = this.#planIds[symbolId] as number;
    return id === UNKNOWN ? this.#lookUp(symbolId) : (this.#plans[id] as SymbolPlan);
  }

  /** Where the tick at hand goes; see {@link Move}. */
  get move(): Float64Array {
    return this.#evaluator.move;
  }

  /** Judges the tick in {@link move}, which takes part. */
  judge(plan: SymbolPlan, symbolId: number): void {
    if (this.#evaluator.judge(plan, symbolId)) this.#timed.add(symbolId);
  }

  /** The window of the newest tick, in {@link move}, has got a late one. */
  judgeAgain(plan: SymbolPlan, symbolId: number): void {
    if (this.#evaluator.judgeAgain(plan, symbolId)) this.#timed.add(symbolId);
  }

  /** A tick that takes no part has come, at `move[ARRIVAL]`. */
  arrive(plan: SymbolPlan, symbolId: number): void {
    this.#evaluator.arrive(plan, symbolId);
  }

  /** Whether a reading of the clock may change anything now. */
  get needsClock(): boolean {
    return !this.#timed.isEmpty;
  }

  /**
   * Ends what ends by time, and notices silence.
   *
   * @param before called before a symbol changes
   */
  tellTime(now: number, before: (symbolId: number) => void): void {
    const evaluator = this.#evaluator;
    this.#timed.visit((symbolId) => {
      before(symbolId);
      const plan = this.plan(symbolId);
      evaluator.move[Move.TIME] = now;
      evaluator.tellTime(plan, symbolId);
      return evaluator.isTimed(plan, symbolId);
    });
  }

  /** The symbol's times run back: open episodes end, what rules remember is forgotten. */
  reset(symbolId: number, time: number): void {
    const { move } = this;
    move[Move.TIME] = time;
    this.#evaluator.reset(this.plan(symbolId), symbolId);
  }

  /** A symbol's id may mean another one from now on. */
  forget(symbolId: number): void {
    this.#planIds[symbolId] = UNKNOWN;
    this.#timed.remove(symbolId);
  }

  /** Prefetches what a symbol with rules needs. */
  prefetch(symbolId: number): number {
    const plan = this.#plans[this.#planIds[symbolId] as number];
    return plan === undefined || plan.rules.length === 0 ? 0 : this.#evaluator.prefetch(symbolId);
  }

  #forgetPlans(): void {
    this.#planIds.fill(UNKNOWN);
    this.#plans = [{ rules: [], faults: [], windowMs: 0, hasStale: false }];
    this.#planIdOf = new Map();
  }

  #lookUp(symbolId: number): SymbolPlan {
    const name = decoder.decode(this.#names.get(symbolId));
    const plan = this.#rules.plan(tenantOf(name), symbolOfName(name));
    let id = this.#planIdOf.get(plan);
    if (id === undefined) {
      id = this.#plans.push(plan) - 1;
      this.#planIdOf.set(plan, id);
    }
    this.#planIds[symbolId] = id;
    if (plan.faults.length > 0) this.onFaults(symbolId, plan.faults);
    if (plan.hasStale) this.#timed.add(symbolId);
    return plan;
  }
}
