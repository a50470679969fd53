import {
  type AlertOutput,
  HEAD_DOUBLES,
  Head,
  Move,
  type PriceWindow,
  parseRuleFile,
  RuleCounters,
  RuleEvaluator,
  type RuleModule,
  RuleSet,
  type SlotState,
  type SlotView,
  type SymbolPlan,
} from '../rules/index.ts';
import type { PartitionRuleMemory } from './memory/engine-memory.ts';
import { readRuleText } from './memory/rule-texts.ts';
import { SymbolNames } from './memory/symbol-names.ts';
import { TimedSymbols } from './memory/timed-symbols.ts';
import { symbolOfName, tenantOf } from './name-space.ts';

const UNKNOWN = 0;
const decoder = new TextDecoder();

/** The rules of a version. */
function ruleSetIn(texts: SharedArrayBuffer, version: number): RuleSet {
  const { ids, text } = readRuleText(texts, version);
  const { file } = parseRuleFile(text);
  if (file === undefined) throw new Error('the rules in force are no rule file');
  return new RuleSet(file, ids);
}

/** Judges the ticks of a partition by the rules in force. One thread; allocates nothing a tick. */
export class PartitionRules {
  /** Called when the rules of a symbol are first looked up and some cannot apply. */
  onFaults: (symbolId: number, faults: readonly string[]) => void = () => undefined;
  /** Called before a symbol may get an alert that no tick raises: makes space for it. */
  onSpaceNeeded: () => void = () => undefined;
  readonly #memory: PartitionRuleMemory;
  readonly #evaluator: RuleEvaluator;
  readonly #names: SymbolNames;
  readonly #timed: TimedSymbols;
  readonly #adopted: Int32Array;
  #version: number;
  #rules: RuleSet;
  /** By symbol: UNKNOWN, or the index of its plan. */
  readonly #planIds: Int32Array;
  #plans: SymbolPlan[] = [];
  #planIdOf = new Map<SymbolPlan, number>();

  constructor(
    memory: PartitionRuleMemory,
    window: PriceWindow,
    output: AlertOutput,
    modules: ReadonlyMap<string, RuleModule>,
  ) {
    const counts = new RuleCounters(memory.counts);
    this.#memory = memory;
    this.#evaluator = new RuleEvaluator({ memory, window, output, counts, modules });
    this.#names = new SymbolNames(memory.names);
    this.#timed = new TimedSymbols(memory.timed);
    this.#adopted = new Int32Array(memory.adopted);
    this.#version = this.#adopted[0] as number;
    this.#rules = ruleSetIn(memory.texts, this.#version);
    this.#planIds = new Int32Array(this.#evaluator.symbols);
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
      this.onSpaceNeeded();
      before(symbolId);
      const plan = this.plan(symbolId);
      evaluator.move[Move.TIME] = now;
      evaluator.tellTime(plan, symbolId);
      return evaluator.isTimed(plan, symbolId);
    });
  }

  /** The symbol's times run back: open episodes end, what rules remember is forgotten. */
  reset(symbolId: number, time: number): void {
    this.move[Move.TIME] = time;
    this.#evaluator.reset(this.plan(symbolId), symbolId);
  }

  /**
   * Makes a symbol's rules consistent after a worker died judging a tick of it.
   *
   * @param sequence of the newest alert that left this partition, if it is of this symbol; else 0
   */
  repair(symbolId: number, sequence: number, time: number): void {
    const { heads } = this.#evaluator;
    const at = symbolId * HEAD_DOUBLES + Head.SEQUENCE;
    heads[at] = Math.max(heads[at] as number, sequence);
    this.onSpaceNeeded();
    this.reset(symbolId, time);
  }

  /** The symbol goes: only the number of its alerts stays. */
  retire(symbolId: number, time: number): void {
    this.onSpaceNeeded();
    this.reset(symbolId, time);
    this.forget(symbolId);
    this.#timed.remove(symbolId);
  }

  /** A symbol's id may mean another one from now on. */
  forget(symbolId: number): void {
    this.#planIds[symbolId] = UNKNOWN;
  }

  /** Another thread may have changed the rules of the partition. */
  reload(): void {
    const version = this.#adopted[0] as number;
    if (version === this.#version) return;
    this.#rules = ruleSetIn(this.#memory.texts, version);
    this.#version = version;
    this.#forgetPlans();
  }

  /**
   * Changes to another version of the rules: ends episodes of those that are not the same any more,
   * and forgets what these remember. Goes on where a predecessor died.
   *
   * @param before called before a symbol changes
   */
  adopt(version: number, now: number, before: (symbolId: number) => void): void {
    const next = ruleSetIn(this.#memory.texts, version);
    const { heads, symbols } = this.#evaluator;
    for (let symbolId = 0; symbolId < symbols; symbolId++) {
      const head = symbolId * HEAD_DOUBLES;
      const isOwn = heads[head + Head.OWNER] === this.#memory.owner;
      if (!isOwn || heads[head + Head.VERSION] === version) continue;
      this.onSpaceNeeded();
      before(symbolId);
      this.move[Move.TIME] = now;
      this.#change(symbolId, next);
      heads[head + Head.VERSION] = version;
    }
    this.#adopted[0] = version;
    this.reload();
  }

  #change(symbolId: number, next: RuleSet): void {
    const evaluator = this.#evaluator;
    const from = this.plan(symbolId);
    const to = this.#planIn(next, symbolId);
    const states: (SlotState | undefined)[] = to.rules.map(() => undefined);
    for (const [index, rule] of from.rules.entries()) {
      const slot = evaluator.slots[index] as SlotView;
      const place = to.rules.findIndex(({ name }) => name === rule.name);
      const isSame = to.rules[place]?.fingerprint === rule.fingerprint;
      if (!isSame) evaluator.close(rule, slot, symbolId);
      // The number of its episodes goes on in any case.
      if (place >= 0) states[place] = slot.read(symbolId);
      slot.erase(symbolId);
    }
    for (const [index, state] of states.entries()) {
      if (state !== undefined) evaluator.slots[index]?.write(symbolId, state);
    }
    if (evaluator.isTimed(to, symbolId)) this.#timed.add(symbolId);
    else this.#timed.remove(symbolId);
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

  #planIn(rules: RuleSet, symbolId: number): SymbolPlan {
    const name = decoder.decode(this.#names.get(symbolId));
    return rules.plan(tenantOf(name), symbolOfName(name));
  }

  #lookUp(symbolId: number): SymbolPlan {
    const plan = this.#planIn(this.#rules, symbolId);
    let id = this.#planIdOf.get(plan);
    if (id === undefined) {
      id = this.#plans.push(plan) - 1;
      this.#planIdOf.set(plan, id);
    }
    this.#planIds[symbolId] = id;
    const head = symbolId * HEAD_DOUBLES;
    if (plan.rules.length > 0) {
      this.#evaluator.heads[head + Head.OWNER] = this.#memory.owner;
      this.#evaluator.heads[head + Head.VERSION] = this.#version;
    }
    if (plan.faults.length > 0) this.onFaults(symbolId, plan.faults);
    if (plan.hasStale) this.#timed.add(symbolId);
    return plan;
  }
}
