import {
  type AlertOutput,
  HEAD_DOUBLES,
  Head,
  Move,
  type NewestAlert,
  NO_PLAN,
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
import { int32s } from '../threads/shared-memory.ts';
import type { PartitionRuleMemory } from './memory/engine-memory.ts';
import { readRuleText } from './memory/rule-texts.ts';
import { SymbolNames } from './memory/symbol-names.ts';
import { TimedSymbols } from './memory/timed-symbols.ts';
import { symbolOfName, tenantOf } from './name-space.ts';

/** In place of the index of a plan. */
const UNKNOWN = 0;
const NONE = 1;
/** Words of `adopted`. */
const VERSION = 0;
const RETIRED = 1;
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
  /** Where the tick at hand goes; see {@link Move}. */
  readonly move: Float64Array;
  readonly #memory: PartitionRuleMemory;
  readonly #counts: RuleCounters;
  readonly #evaluator: RuleEvaluator;
  readonly #names: SymbolNames;
  readonly #timed: TimedSymbols;
  readonly #adopted: Int32Array;
  #version: number;
  #retired: number;
  #rules: RuleSet;
  /** By symbol: UNKNOWN, NONE if no rule applies, or the index of its plan. */
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
    this.#counts = counts;
    this.#evaluator = new RuleEvaluator({ memory, window, output, counts, modules });
    this.move = this.#evaluator.move;
    this.#names = new SymbolNames(memory.names);
    this.#timed = new TimedSymbols(memory.timed);
    this.#adopted = int32s(memory.adopted);
    this.#version = this.#adopted[VERSION] as number;
    this.#retired = this.#adopted[RETIRED] as number;
    this.#rules = ruleSetIn(memory.texts, this.#version);
    this.#planIds = new Int32Array(this.#evaluator.symbols);
    this.#forgetPlans();
  }

  /** The longest window of any rule, ms. */
  get longestMs(): number {
    return this.#rules.longestMs;
  }

  /** The rules of a symbol; undefined if none applies. */
  rulesOf(symbolId: number): SymbolPlan | undefined {
    const id = this.#planIds[symbolId] as number;
    if (id === NONE) return undefined;
    const plan = id === UNKNOWN ? this.#lookUp(symbolId) : (this.#plans[id] as SymbolPlan);
    return plan.rules.length === 0 ? undefined : plan;
  }

  /** The same; empty if none applies. */
  #plan(symbolId: number): SymbolPlan {
    return this.rulesOf(symbolId) ?? NO_PLAN;
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
      const plan = this.#plan(symbolId);
      evaluator.move[Move.TIME] = now;
      evaluator.tellTime(plan, symbolId);
      return evaluator.isTimed(plan, symbolId);
    });
  }

  /** The symbol's times run back: open episodes end, what rules remember is forgotten. */
  reset(symbolId: number, time: number): void {
    this.move[Move.TIME] = time;
    this.#evaluator.reset(this.#plan(symbolId), symbolId);
  }

  /**
   * Makes a symbol's rules consistent after a worker died judging a tick of it.
   *
   * @param newest alert that left this partition, if it is of this symbol
   */
  repair(symbolId: number, newest: NewestAlert | undefined, time: number): void {
    this.settle(symbolId, newest);
    this.onSpaceNeeded();
    this.reset(symbolId, time);
  }

  /** Makes up for what a worker that died had left to do, or undoes it; else changes nothing. */
  settle(symbolId: number, newest: NewestAlert | undefined): void {
    this.#evaluator.settle(this.#plan(symbolId), symbolId, newest);
  }

  /** Counts open episodes: those restored, and one that a worker may have died of counting. */
  recount(): void {
    const open = this.#rules.ids.map(() => 0);
    this.#timed.visit((symbolId) => {
      for (const [index, rule] of this.#plan(symbolId).rules.entries()) {
        const place = this.#rules.ids.indexOf(rule.id);
        if (this.#evaluator.slots[index]?.isOpen(symbolId)) open[place] = (open[place] ?? 0) + 1;
      }
      return true;
    });
    for (const [place, ruleId] of this.#rules.ids.entries()) {
      this.#counts.recount(ruleId, open[place] as number);
    }
  }

  /** The symbol goes: only the number of its alerts stays. Episodes count from 1 again. */
  retire(symbolId: number, time: number): void {
    this.onSpaceNeeded();
    const { slots } = this.#evaluator;
    const { rules } = this.#plan(symbolId);
    this.reset(symbolId, time);
    for (let i = 0; i < rules.length; i++) (slots[i] as SlotView).erase(symbolId);
    this.#evaluator.forget(symbolId);
    // Its id may mean another symbol from now on, also to the other thread.
    this.#planIds[symbolId] = UNKNOWN;
    this.#timed.remove(symbolId);
    this.#retired = ((this.#adopted[RETIRED] as number) + 1) | 0;
    this.#adopted[RETIRED] = this.#retired;
  }

  /** Another thread may have changed the rules of the partition, or retired symbols. */
  reload(): void {
    const version = this.#adopted[VERSION] as number;
    const retired = this.#adopted[RETIRED] as number;
    if (version === this.#version && retired === this.#retired) return;
    if (version !== this.#version) this.#rules = ruleSetIn(this.#memory.texts, version);
    this.#version = version;
    this.#retired = retired;
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
    this.#adopted[VERSION] = version;
    this.reload();
  }

  #change(symbolId: number, next: RuleSet): void {
    const evaluator = this.#evaluator;
    const from = this.#plan(symbolId);
    const to = this.#planIn(next, symbolId);
    evaluator.heads[symbolId * HEAD_DOUBLES + Head.QUIET] = 0;
    const states: (SlotState | undefined)[] = to.rules.map(() => undefined);
    for (const [index, rule] of from.rules.entries()) {
      const slot = evaluator.slots[index] as SlotView;
      const place = to.rules.findIndex(({ name }) => name === rule.name);
      const isSame = to.rules[place]?.fingerprint === rule.fingerprint;
      if (!isSame) evaluator.close(rule, slot, symbolId);
      else if (to.rules[place]?.episode === null) evaluator.endOpen(rule, slot, symbolId);
      // The number of its episodes goes on in any case.
      if (place >= 0) states[place] = slot.read(symbolId);
      slot.erase(symbolId);
    }
    for (const [index, state] of states.entries()) {
      if (state !== undefined) evaluator.slots[index]?.write(symbolId, state);
    }
    if (to.rules.length === 0) evaluator.forget(symbolId);
    if (evaluator.isTimed(to, symbolId)) this.#timed.add(symbolId);
    else this.#timed.remove(symbolId);
  }

  /** Prefetches what a symbol with rules needs. */
  prefetch(symbolId: number): number {
    return (this.#planIds[symbolId] as number) <= NONE ? 0 : this.#evaluator.prefetch(symbolId);
  }

  #forgetPlans(): void {
    this.#planIds.fill(UNKNOWN);
    this.#plans = [NO_PLAN, NO_PLAN];
    this.#planIdOf = new Map();
  }

  #planIn(rules: RuleSet, symbolId: number): SymbolPlan {
    const name = decoder.decode(this.#names.get(symbolId));
    return rules.plan(tenantOf(name), symbolOfName(name));
  }

  #lookUp(symbolId: number): SymbolPlan {
    const plan = this.#planIn(this.#rules, symbolId);
    let id = plan.rules.length === 0 ? NONE : this.#planIdOf.get(plan);
    if (id === undefined) {
      id = this.#plans.push(plan) - 1;
      this.#planIdOf.set(plan, id);
    }
    this.#planIds[symbolId] = id;
    const head = symbolId * HEAD_DOUBLES;
    if (plan.rules.length > 0) {
      this.#evaluator.heads[head + Head.QUIET] = 0;
      this.#evaluator.heads[head + Head.OWNER] = this.#memory.owner;
      this.#evaluator.heads[head + Head.VERSION] = this.#version;
    }
    if (plan.faults.length > 0) this.onFaults(symbolId, plan.faults);
    if (plan.hasStale) this.#timed.add(symbolId);
    return plan;
  }
}
