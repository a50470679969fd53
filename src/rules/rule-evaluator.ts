import { AlertReason } from '../protocol/index.ts';
import { float64s, int32s } from '../threads/shared-memory.ts';
import type { AlertOutput, RuleCounts } from './alert-output.ts';
import { passDriftHistory } from './drift-history.ts';
import type { EffectiveRule, Level } from './effective-rule.ts';
import { type NewestAlert, settleEpisode } from './episode-repair.ts';
import { Episodes } from './episodes.ts';
import { createMove, Move } from './move.ts';
import {
  Flag,
  HEAD_DOUBLES,
  Head,
  HISTORY_DOUBLES,
  type RuleMemory,
  SAMPLE_DOUBLES,
  Sample,
  SlotView,
  STATE_DOUBLES,
  STATE_WORDS,
  State,
} from './rule-memory.ts';
import type { RuleModule } from './rule-module.ts';
import type { SymbolPlan } from './rule-set.ts';
import { isInZone } from './shared-zone.ts';
import { levelOf } from './threshold.ts';
import { Volatility } from './volatility.ts';

/** The window of a symbol's ticks that took part, the one being judged included. */
export interface PriceWindow {
  /** Writes the lowest and the highest price since `move[SINCE]` to `move`. */
  extremes(symbolId: number, move: Float64Array): void;
}

export interface RuleParts {
  readonly memory: RuleMemory;
  readonly window: PriceWindow;
  readonly output: AlertOutput;
  readonly counts: RuleCounts;
  /** By the path in the file. */
  readonly modules: ReadonlyMap<string, RuleModule>;
}

/**
 * Judges a symbol's ticks by its rules. A pure state machine over the memory of rules: the same
 * ticks, clock readings and rules lead to the same alerts. One thread; allocates nothing a tick.
 */
export class RuleEvaluator {
  /** The tick being judged: its caller fills TIME, PRICE, ARRIVAL (-1: before) and AVERAGE. */
  readonly move = createMove();
  readonly heads: Float64Array;
  readonly #headWords: Int32Array;
  readonly slots: readonly SlotView[];
  readonly #window: PriceWindow;
  readonly #episodes: Episodes;
  readonly #volatility: Volatility;
  readonly #counts: RuleCounts;
  readonly #modules: ReadonlyMap<string, RuleModule>;
  readonly #out = new Float64Array(2);

  constructor({ memory, window, output, counts, modules }: RuleParts) {
    this.heads = float64s(memory.heads);
    this.#headWords = int32s(memory.heads);
    this.slots = memory.slots.map((slot) => new SlotView(slot));
    this.#window = window;
    this.#episodes = new Episodes(this.move, this.heads, output, counts);
    this.#volatility = new Volatility(this.move);
    this.#counts = counts;
    this.#modules = modules;
  }

  /**
   * Judges the tick in `move`, which takes part. At most two records a rule.
   *
   * @returns whether an episode is open now that was not before
   */
  judge(plan: SymbolPlan, symbolId: number): boolean {
    const { heads, move } = this;
    const { rules, zone } = plan;
    const head = symbolId * HEAD_DOUBLES;
    const started = this.#episodes.started;
    move[Move.LAST_TIME] = heads[head + Head.TIME] as number;
    move[Move.LAST_PRICE] = heads[head + Head.PRICE] as number;
    if (heads[head + Head.QUIET] === 1 && isInZone(zone, move)) {
      const { others } = zone;
      for (let i = 0; i < others.length; i++) {
        const place = others[i] as number;
        this.#judge(rules[place] as EffectiveRule, this.slots[place] as SlotView, symbolId);
      }
    } else this.#judgeEach(plan, symbolId);
    heads[head + Head.TIME] = move[Move.TIME] as number;
    heads[head + Head.PRICE] = move[Move.PRICE] as number;
    if ((move[Move.ARRIVAL] as number) >= 0) {
      heads[head + Head.ARRIVAL] = move[Move.ARRIVAL] as number;
      heads[head + Head.CURRENT] = move[Move.PRICE] as number;
    }
    return this.#episodes.started !== started;
  }

  /** Judges by every rule, and notes whether the next tick needs that. */
  #judgeEach({ rules, zone }: SymbolPlan, symbolId: number): void {
    const quietAt = symbolId * HEAD_DOUBLES + Head.QUIET;
    this.heads[quietAt] = 0;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as EffectiveRule;
      const slot = this.slots[i] as SlotView;
      if (rule.kind === 'stale') this.#wake(rule, slot, symbolId);
      else this.#judge(rule, slot, symbolId);
    }
    for (let i = 0; i < zone.slots.length; i++) {
      const place = zone.slots[i] as number;
      const { quiet } = rules[place] as EffectiveRule;
      const flags = (this.slots[place] as SlotView).words[symbolId * STATE_WORDS] as number;
      if ((flags & quiet.mask) !== quiet.flags) return;
    }
    this.heads[quietAt] = 1;
  }

  /** A tick that takes no part, or not yet, has come at `move[ARRIVAL]`; PRICE: the current one. */
  arrive({ rules }: SymbolPlan, symbolId: number): void {
    const { heads, move } = this;
    const head = symbolId * HEAD_DOUBLES;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as EffectiveRule;
      if (rule.kind === 'stale') this.#wake(rule, this.slots[i] as SlotView, symbolId);
    }
    heads[head + Head.ARRIVAL] = move[Move.ARRIVAL] as number;
    heads[head + Head.CURRENT] = move[Move.PRICE] as number;
  }

  /**
   * The window of the newest tick, which is in `move`, has got a late one: judges spikes again.
   *
   * @returns as {@link judge} does
   */
  judgeAgain({ rules }: SymbolPlan, symbolId: number): boolean {
    const { heads, move } = this;
    const head = symbolId * HEAD_DOUBLES;
    const started = this.#episodes.started;
    heads[head + Head.QUIET] = 0;
    move[Move.LAST_TIME] = heads[head + Head.TIME] as number;
    move[Move.LAST_PRICE] = heads[head + Head.PRICE] as number;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as EffectiveRule;
      if (rule.kind === 'spike') this.#judge(rule, this.slots[i] as SlotView, symbolId);
    }
    return this.#episodes.started !== started;
  }

  /** The server's clock is `move[TIME]`: settles open episodes, notices silence. */
  tellTime({ rules }: SymbolPlan, symbolId: number): void {
    const { heads, move } = this;
    const head = symbolId * HEAD_DOUBLES;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as EffectiveRule;
      const slot = this.slots[i] as SlotView;
      const isStale = rule.kind === 'stale';
      move[Move.PRICE] = heads[head + (isStale ? Head.CURRENT : Head.PRICE)] as number;
      if (isStale) this.#missArrivals(rule, slot, symbolId);
      else if (this.#episodes.isOpen(slot, symbolId)) this.#settle(rule, slot, symbolId);
    }
  }

  /** Whether a reading of the clock may concern the symbol. */
  isTimed({ hasStale, rules }: SymbolPlan, symbolId: number): boolean {
    if (hasStale) return true;
    for (let i = 0; i < rules.length; i++) {
      if (this.#episodes.isOpen(this.slots[i] as SlotView, symbolId)) return true;
    }
    return false;
  }

  /** Ends a rule's open episode at `move[TIME]`. */
  endOpen(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const price = rule.kind === 'stale' ? Head.CURRENT : Head.PRICE;
    this.move[Move.PRICE] = this.heads[symbolId * HEAD_DOUBLES + price] as number;
    this.#close(rule, slot, symbolId);
  }

  /** Does so, and forgets the rule's state. */
  close(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    this.endOpen(rule, slot, symbolId);
    slot.clear(symbolId);
  }

  /** Does so for all rules of a symbol, and forgets its last tick: the next is in no zone. */
  reset({ rules }: SymbolPlan, symbolId: number): void {
    for (let i = 0; i < rules.length; i++) {
      this.close(rules[i] as EffectiveRule, this.slots[i] as SlotView, symbolId);
    }
    const head = symbolId * HEAD_DOUBLES;
    this.heads[head + Head.PRICE] = 0;
    this.heads[head + Head.ARRIVAL] = 0;
    this.heads[head + Head.CURRENT] = 0;
  }

  /** No rule applies to the symbol any more: only the number of its alerts stays. */
  forget(symbolId: number): void {
    const head = symbolId * HEAD_DOUBLES;
    this.heads.fill(0, head + Head.SEQUENCE + 1, head + HEAD_DOUBLES);
  }

  /**
   * Brings state and alerts together after a worker died: see {@link settleEpisode}.
   *
   * @param newest alert of the partition, if it is of this symbol
   */
  settle({ rules }: SymbolPlan, symbolId: number, newest: NewestAlert | undefined): void {
    const { heads } = this;
    const head = symbolId * HEAD_DOUBLES + Head.SEQUENCE;
    heads[symbolId * HEAD_DOUBLES + Head.QUIET] = 0;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as EffectiveRule;
      const isOver = settleEpisode(rule, this.slots[i] as SlotView, symbolId, newest);
      if (isOver) this.#counts.ended(rule.id);
    }
    heads[head] = Math.max(heads[head] as number, newest?.sequence ?? 0);
  }

  get symbols(): number {
    return this.heads.length / HEAD_DOUBLES;
  }

  /** Prefetches what the symbol's first rule remembers. */
  prefetch(symbolId: number): number {
    const slot = this.slots[0] as SlotView;
    const head = this.#headWords[2 * symbolId * HEAD_DOUBLES] as number;
    return (slot.words[symbolId * STATE_WORDS] as number) ^ head;
  }

  #close(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    if (!this.#episodes.isOpen(slot, symbolId)) return;
    const time = this.move[Move.TIME] as number;
    this.#episodes.end(rule, slot, symbolId, AlertReason.CLOSED, time);
  }

  #judge(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { kind, sigma } = rule;
    const { move } = this;
    const word = symbolId * STATE_WORDS;
    const flags = slot.words[word] as number;
    // A rule that comes into force later knows no tick from before.
    const isNew = (flags & Flag.BEGUN) === 0;
    if (isNew) this.#begin(slot, symbolId);
    // What a rule remembers of prices does not depend on its hours.
    else if (sigma !== undefined) this.#volatility.sample(rule, sigma, slot, symbolId);
    if (kind === 'drift') passDriftHistory(rule, slot, symbolId, move, Move.UP_FROM);
    if (this.#isQuiet(rule, flags)) return;
    const { hours } = rule;
    hours?.look(move, Move.TIME);
    if (hours?.scale[0] === 0) {
      this.#close(rule, slot, symbolId);
      return;
    }
    if (sigma !== undefined && !this.#volatility.isWarm(sigma, slot, symbolId)) return;
    this.#setThreshold(Move.WARNING, rule, rule.warning, slot, symbolId);
    if (rule.critical !== undefined) {
      this.#setThreshold(Move.CRITICAL, rule, rule.critical, slot, symbolId);
    }
    if (kind === 'spike') this.#compareWindow(rule, slot, symbolId);
    else if (kind === 'module') this.#ask(rule, slot, symbolId);
    else this.#compareReference(rule, isNew);
    if (kind === 'band' && !this.#isArmed(rule, slot, symbolId)) return;
    this.#episodes.judge(rule, slot, symbolId);
  }

  /** Whether nothing can follow from the tick: nothing is open, and no move beyond a threshold. */
  #isQuiet({ quiet }: EffectiveRule, flags: number): boolean {
    if ((flags & quiet.mask) !== quiet.flags) return false;
    const { move } = this;
    const price = move[Move.PRICE] as number;
    if (!(price < (move[quiet.lowest] as number) * quiet.up)) return false;
    return price > (move[quiet.highest] as number) * quiet.down;
  }

  #begin(slot: SlotView, symbolId: number): void {
    const { move } = this;
    const isFirst = move[Move.IS_FIRST] === 1;
    slot.doubles[symbolId * STATE_DOUBLES + State.RESTART] = isFirst
      ? 0
      : (move[Move.TIME] as number);
    const word = symbolId * STATE_WORDS;
    slot.words[word] = (slot.words[word] as number) | Flag.BEGUN;
  }

  #setThreshold(
    into: typeof Move.WARNING | typeof Move.CRITICAL,
    { floor, hours, sigma, windowMs }: EffectiveRule,
    level: Level,
    slot: SlotView,
    symbolId: number,
  ): void {
    const { move } = this;
    move[into] = level.value;
    if (level.isSigma) {
      const v = slot.samples[symbolId * SAMPLE_DOUBLES + Sample.V] as number;
      const sampleMs = sigma?.sampleMs ?? 1;
      move[into] = Math.max(floor, level.value * 100 * Math.sqrt((v * windowMs) / sampleMs));
    }
    if (hours !== undefined) move[into] *= hours.scale[0] as number;
  }

  #compareWindow(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { move } = this;
    const restart = slot.doubles[symbolId * STATE_DOUBLES + State.RESTART] as number;
    move[Move.SINCE] = Math.max((move[Move.TIME] as number) - rule.windowMs, restart);
    this.#window.extremes(symbolId, move);
    const price = move[Move.PRICE] as number;
    const lowest = move[Move.LOWEST] as number;
    const highest = move[Move.HIGHEST] as number;
    move[Move.UP] = ((price - lowest) / lowest) * 100;
    move[Move.UP_FROM] = lowest;
    move[Move.DOWN] = ((price - highest) / highest) * 100;
    move[Move.DOWN_FROM] = highest;
  }

  /** One reference for both directions; 0: nothing to compare with. */
  #compareReference(rule: EffectiveRule, isNew: boolean): void {
    const { move } = this;
    const price = move[Move.PRICE] as number;
    let reference = move[Move.UP_FROM] as number;
    if (rule.kind === 'gap') reference = isNew ? 0 : (move[Move.LAST_PRICE] as number);
    else if (rule.kind === 'band') {
      reference = rule.around === 0 ? (move[Move.AVERAGE] as number) : rule.around;
    }
    move[Move.UP] = reference === 0 ? 0 : ((price - reference) / reference) * 100;
    move[Move.UP_FROM] = reference;
    this.#splitChange();
  }

  /** The change in UP is of either direction: moves one that is down to its place. */
  #splitChange(): void {
    const { move } = this;
    const change = move[Move.UP] as number;
    move[Move.UP] = change > 0 ? change : 0;
    move[Move.DOWN] = change < 0 ? change : 0;
    move[Move.DOWN_FROM] = move[Move.UP_FROM] as number;
  }

  /** A band speaks once the price was inside the warning. */
  #isArmed(rule: EffectiveRule, slot: SlotView, symbolId: number): boolean {
    const { move } = this;
    const word = symbolId * STATE_WORDS;
    const flags = slot.words[word] as number;
    if ((flags & Flag.ARMED) !== 0) return true;
    if (move[Move.UP_FROM] === 0) return false;
    const change = (move[Move.DOWN] as number) < 0 ? Move.DOWN : Move.UP;
    if (levelOf(rule, move, change) > 0) return false;
    slot.words[word] = flags | Flag.ARMED;
    return true;
  }

  #ask(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { move } = this;
    const out = this.#out;
    out[0] = 0;
    out[1] = 0;
    const word = symbolId * STATE_WORDS;
    const flags = slot.words[word] as number;
    if ((flags & Flag.DISABLED) === 0) {
      const price = move[Move.PRICE] as number;
      const time = move[Move.TIME] as number;
      try {
        const base = symbolId * HISTORY_DOUBLES;
        const module = this.#modules.get(rule.module) as RuleModule;
        module.onTick(slot.histories, base, price, time, out, rule.options);
      } catch {
        slot.words[word] = flags | Flag.DISABLED;
        this.#counts.failed(rule.id);
        out[1] = 0;
      }
    }
    const reference = out[0];
    const change = out[1];
    const isValid = reference > 0 && Number.isFinite(reference) && !Number.isNaN(change);
    move[Move.UP] = isValid ? change : 0;
    move[Move.UP_FROM] = isValid ? reference : 0;
    this.#splitChange();
  }

  /** An open episode whose move is not beyond any more, by the clock alone. */
  #settle(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const at = symbolId * STATE_DOUBLES;
    const since = rule.kind === 'gap' ? State.START : State.BEYOND;
    const settled = (slot.doubles[at + since] as number) + (rule.episode?.holdMs ?? 0);
    if ((this.move[Move.TIME] as number) <= settled) return;
    this.#episodes.end(rule, slot, symbolId, AlertReason.SETTLED, settled);
  }

  #missArrivals(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { move } = this;
    const { hours } = rule;
    const word = symbolId * STATE_WORDS;
    const flags = slot.words[word] as number;
    hours?.look(move, Move.TIME);
    if (hours !== undefined && hours.scale[0] === 0) {
      this.#close(rule, slot, symbolId);
      return;
    }
    if ((flags & (Flag.OPEN | Flag.SPOKEN)) !== 0 || move[Move.PRICE] === 0) return;
    const head = symbolId * HEAD_DOUBLES;
    const silent = (move[Move.TIME] as number) - (this.heads[head + Head.ARRIVAL] as number);
    if (!(silent > rule.windowMs)) return;
    this.heads[head + Head.QUIET] = 0;
    this.#episodes.startUndirected(rule, slot, symbolId);
    if (rule.episode !== null) return;
    // Nothing ends it: it speaks once a silence.
    slot.words[word] = ((slot.words[word] as number) & ~Flag.OPEN) | Flag.SPOKEN;
    this.#counts.ended(rule.id);
  }

  /** A stale hears of a tick: of one that came now, not of one that was held back. */
  #wake(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { move } = this;
    if (!((move[Move.ARRIVAL] as number) >= 0)) return;
    const word = symbolId * STATE_WORDS;
    slot.words[word] = (slot.words[word] as number) & ~Flag.SPOKEN;
    if (!this.#episodes.isOpen(slot, symbolId)) return;
    this.#episodes.end(rule, slot, symbolId, AlertReason.REVERTED, move[Move.ARRIVAL] as number);
  }
}
