import {
  type AlertDirection,
  type AlertLevel,
  AlertPhase,
  AlertReason,
} from '../protocol/index.ts';
import type { AlertOutput, RuleCounts } from './alert-output.ts';
import type { EffectiveRule } from './effective-rule.ts';
import { type Change, Move } from './move.ts';
import {
  Flag,
  HEAD_DOUBLES,
  Head,
  LEVEL_SHIFT,
  Open,
  type SlotView,
  STATE_DOUBLES,
  STATE_WORDS,
  State,
  StateWord,
} from './rule-memory.ts';
import type { EpisodeSettings } from './rule-types.ts';
import { isBeyond, levelOf } from './threshold.ts';

/**
 * From moves to episodes: the numbered steps of docs/RULES.md. The move is in memory. One thread;
 * allocates nothing but what a record costs.
 */
export class Episodes {
  /** Episodes begun by this object; wraps. */
  started = 0;
  readonly #move: Float64Array;
  readonly #heads: Float64Array;
  readonly #output: AlertOutput;
  readonly #counts: RuleCounts;

  constructor(move: Float64Array, heads: Float64Array, output: AlertOutput, counts: RuleCounts) {
    this.#move = move;
    this.#heads = heads;
    this.#output = output;
    this.#counts = counts;
  }

  /** Whether a slot has an open episode. */
  isOpen(slot: SlotView, symbolId: number): boolean {
    return ((slot.words[symbolId * STATE_WORDS] as number) & Flag.OPEN) !== 0;
  }

  /** Judges the move up and down in `move`. */
  judge(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { episode } = rule;
    if (episode === null) this.#judgeAlone(rule, slot, symbolId);
    else if (!this.isOpen(slot, symbolId)) this.#tryStart(rule, episode, slot, symbolId);
    else if (this.#follow(rule, episode, slot, symbolId)) {
      this.#tryStart(rule, episode, slot, symbolId);
    }
  }

  /** Without episodes: every qualifying move is an alert, Up first. */
  #judgeAlone(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const move = this.#move;
    const upLevel = (move[Move.UP] as number) > 0 ? levelOf(rule, move, Move.UP) : 0;
    if (upLevel !== 0) this.#alertOnce(rule, slot, symbolId, 1, upLevel, Move.UP);
    const downLevel = (move[Move.DOWN] as number) < 0 ? levelOf(rule, move, Move.DOWN) : 0;
    if (downLevel !== 0) this.#alertOnce(rule, slot, symbolId, -1, downLevel, Move.DOWN);
  }

  #alertOnce(
    rule: EffectiveRule,
    slot: SlotView,
    symbolId: number,
    direction: AlertDirection,
    level: AlertLevel,
    change: Change,
  ): void {
    const move = this.#move;
    const { doubles } = slot;
    const at = symbolId * STATE_DOUBLES;
    const time = move[Move.TIME] as number;
    doubles[at + State.START] = time;
    doubles[at + State.PEAK] = move[Move.PRICE] as number;
    const { NONE } = AlertReason;
    this.#record(rule, slot, symbolId, AlertPhase.START, level, direction, change, time, NONE);
    this.#counts.started(rule.id);
    this.#counts.ended(rule.id);
  }

  /** Step 1: an open episode. Returns whether it has ended and step 2 follows. */
  #follow(
    rule: EffectiveRule,
    episode: EpisodeSettings,
    slot: SlotView,
    symbolId: number,
  ): boolean {
    const move = this.#move;
    const { doubles } = slot;
    const at = symbolId * STATE_DOUBLES;
    const time = move[Move.TIME] as number;
    const price = move[Move.PRICE] as number;
    const origin = doubles[at + State.ORIGIN] as number;
    const back = ((price - origin) / origin) * 100;
    move[Move.BACK] = back;
    move[Move.ORIGIN] = origin;
    if (Math.abs(back) < episode.clear * (move[Move.WARNING] as number)) {
      this.end(rule, slot, symbolId, AlertReason.REVERTED, time);
      doubles[at + State.RESTART] = time;
      return false;
    }
    const flags = slot.words[symbolId * STATE_WORDS] as number;
    const direction = (flags & Flag.OPEN) === Open.UP ? 1 : -1;
    if (back * direction < 0) {
      this.end(rule, slot, symbolId, AlertReason.REVERSED, time);
      return true;
    }
    const isGap = rule.kind === 'gap';
    const start = doubles[at + State.START] as number;
    if (isGap && time > start + episode.holdMs) {
      this.end(rule, slot, symbolId, AlertReason.SETTLED, start + episode.holdMs);
      return true;
    }
    const own = direction > 0 ? Move.UP : Move.DOWN;
    const change = isGap ? Move.BACK : own;
    const level = (move[change] as number) * direction > 0 ? levelOf(rule, move, change) : 0;
    if (level !== 0) {
      this.#goOn(rule, episode, slot, symbolId, direction, level, change);
      return false;
    }
    const settled = (doubles[at + State.BEYOND] as number) + episode.holdMs;
    if (isGap || time <= settled) return false;
    this.end(rule, slot, symbolId, AlertReason.SETTLED, settled);
    return true;
  }

  /** Step 1c: the move is beyond its threshold still. */
  #goOn(
    rule: EffectiveRule,
    episode: EpisodeSettings,
    slot: SlotView,
    symbolId: number,
    direction: AlertDirection,
    level: AlertLevel,
    change: Change,
  ): void {
    const move = this.#move;
    const { doubles, words } = slot;
    const at = symbolId * STATE_DOUBLES;
    const word = symbolId * STATE_WORDS;
    const price = move[Move.PRICE] as number;
    const time = move[Move.TIME] as number;
    doubles[at + State.BEYOND] = time;
    words[word + StateWord.COUNT] = (words[word + StateWord.COUNT] as number) + 1;
    if (direction * price > direction * (doubles[at + State.PEAK] as number)) {
      doubles[at + State.PEAK] = price;
    }
    const flags = words[word] as number;
    let phase: AlertPhase = AlertPhase.ESCALATE;
    if (level > (flags & Flag.LEVEL) >> LEVEL_SHIFT) {
      words[word] = (flags & ~Flag.LEVEL) | (level << LEVEL_SHIFT);
    } else {
      if (!episode.step) return;
      const announced = doubles[at + State.ANNOUNCED] as number;
      const further = ((price - announced) / announced) * 100;
      if (further * direction <= 0) return;
      move[Move.FURTHER] = further;
      move[Move.ANNOUNCED] = announced;
      if (!isBeyond(rule, rule.warning, move, Move.WARNING, Move.FURTHER)) return;
      phase = AlertPhase.EXTEND;
    }
    doubles[at + State.ANNOUNCED] = price;
    const own = levelIn(words[word] as number);
    const { NONE } = AlertReason;
    this.#record(rule, slot, symbolId, phase, own, direction, change, time, NONE);
  }

  /** Step 2: no episode is open. */
  #tryStart(rule: EffectiveRule, episode: EpisodeSettings, slot: SlotView, symbolId: number): void {
    const move = this.#move;
    const up = move[Move.UP] as number;
    const down = move[Move.DOWN] as number;
    const upLevel = up > 0 ? levelOf(rule, move, Move.UP) : 0;
    const downLevel = down < 0 ? levelOf(rule, move, Move.DOWN) : 0;
    const isUp = upLevel === downLevel ? up >= -down : upLevel > downLevel;
    const level = isUp ? upLevel : downLevel;
    if (level === 0) return;
    if (this.#isSuppressed(rule, episode, slot, symbolId, level)) return;
    if (isUp) this.#start(rule, slot, symbolId, Open.UP, level, Move.UP);
    else this.#start(rule, slot, symbolId, Open.DOWN, level, Move.DOWN);
  }

  /** Whether the cool-down of the last episode covers an alert of the level now; counts it. */
  #isSuppressed(
    rule: EffectiveRule,
    { cooldownMs }: EpisodeSettings,
    slot: SlotView,
    symbolId: number,
    level: AlertLevel,
  ): boolean {
    const flags = slot.words[symbolId * STATE_WORDS] as number;
    if (cooldownMs === 0 || (flags & Flag.ENDED) === 0) return false;
    const ended = slot.doubles[symbolId * STATE_DOUBLES + State.BEYOND] as number;
    if ((this.#move[Move.TIME] as number) > ended + cooldownMs) return false;
    if (level > (flags & Flag.LEVEL) >> LEVEL_SHIFT) return false;
    this.#counts.suppressed(rule.id);
    return true;
  }

  /** Starts an episode without a direction, unless its cool-down covers it. */
  startUndirected(rule: EffectiveRule, slot: SlotView, symbolId: number): void {
    const { episode } = rule;
    if (episode !== null && this.#isSuppressed(rule, episode, slot, symbolId, 1)) return;
    const move = this.#move;
    move[Move.BACK] = 0;
    move[Move.ORIGIN] = move[Move.PRICE] as number;
    this.#start(rule, slot, symbolId, Open.NONE, 1, Move.BACK);
  }

  #start(
    rule: EffectiveRule,
    slot: SlotView,
    symbolId: number,
    open: number,
    level: AlertLevel,
    change: Change,
  ): void {
    const move = this.#move;
    const { doubles, words } = slot;
    const at = symbolId * STATE_DOUBLES;
    const word = symbolId * STATE_WORDS;
    const price = move[Move.PRICE] as number;
    const time = move[Move.TIME] as number;
    // No episode until its record has left: see `episode-repair.ts`.
    words[word + StateWord.COUNT] = 0;
    doubles[at + State.ORIGIN] = move[change + 1] as number;
    doubles[at + State.PEAK] = price;
    doubles[at + State.ANNOUNCED] = price;
    doubles[at + State.BEYOND] = time;
    doubles[at + State.START] = time;
    const kept = (words[word] as number) & ~(Flag.OPEN | Flag.LEVEL);
    words[word] = kept | open | (level << LEVEL_SHIFT);
    const { START } = AlertPhase;
    const direction = directionOf(open);
    this.#record(rule, slot, symbolId, START, level, direction, change, time, AlertReason.NONE);
    this.#counts.started(rule.id);
    this.started = (this.started + 1) | 0;
  }

  /** Ends the open episode. The change of the record is the one from its origin. */
  end(
    rule: EffectiveRule,
    slot: SlotView,
    symbolId: number,
    reason: AlertReason,
    time: number,
  ): void {
    const move = this.#move;
    const { doubles, words } = slot;
    const at = symbolId * STATE_DOUBLES;
    const word = symbolId * STATE_WORDS;
    const flags = words[word] as number;
    const level = levelIn(flags);
    const direction = directionOf(flags & Flag.OPEN);
    const origin = doubles[at + State.ORIGIN] as number;
    const price = move[Move.PRICE] as number;
    move[Move.BACK] = direction === 0 ? 0 : ((price - origin) / origin) * 100;
    move[Move.ORIGIN] = origin;
    const { END } = AlertPhase;
    this.#record(rule, slot, symbolId, END, level, direction, Move.BACK, time, reason);
    doubles[at + State.BEYOND] = time;
    words[word] = (flags & ~Flag.OPEN) | Flag.ENDED;
    this.#counts.ended(rule.id);
  }

  /** What follows from a record follows it in memory: a successor sees which have left. */
  #record(
    rule: EffectiveRule,
    slot: SlotView,
    symbolId: number,
    phase: AlertPhase,
    level: AlertLevel,
    direction: AlertDirection,
    change: Change,
    time: number,
    reason: AlertReason,
  ): void {
    const move = this.#move;
    const { doubles, words } = slot;
    const at = symbolId * STATE_DOUBLES;
    const head = symbolId * HEAD_DOUBLES;
    const word = symbolId * STATE_WORDS + StateWord.COUNT;
    const sequence = (this.#heads[head + Head.SEQUENCE] as number) + 1;
    const isStart = phase === AlertPhase.START;
    const episode = (doubles[at + State.EPISODE] as number) + (isStart ? 1 : 0);
    this.#output.append(
      symbolId,
      sequence,
      rule.id,
      episode,
      phase,
      level,
      direction,
      move[change + 1] as number,
      move[Move.PRICE] as number,
      // It must stay a number on every wire.
      Math.min(move[change] as number, Number.MAX_VALUE),
      time,
      doubles[at + State.START] as number,
      doubles[at + State.PEAK] as number,
      isStart ? 1 : (words[word] as number),
      reason,
    );
    if (isStart) {
      doubles[at + State.EPISODE] = episode;
      words[word] = 1;
    }
    this.#heads[head + Head.SEQUENCE] = sequence;
  }
}

function levelIn(flags: number): AlertLevel {
  return ((flags & Flag.LEVEL) >> LEVEL_SHIFT) as AlertLevel;
}

function directionOf(open: number): AlertDirection {
  if (open === Open.UP) return 1;
  return open === Open.DOWN ? -1 : 0;
}
