import type {
  ExpectedAlert,
  KnownSymbol,
  OracleDetector,
  OracleEpisodeSettings,
  OracleModule,
  OracleRule,
  OracleTick,
  PastTick,
} from './rule-definitions.ts';
import { hoursFactor } from './rule-hours.ts';
import { RuleVolatility } from './rule-volatility.ts';

/** An episode; ended once it has a time of its end. */
interface Episode {
  readonly direction: 1 | -1 | 0;
  readonly origin: number;
  readonly startTime: number;
  level: 1 | 2;
  peak: number;
  announced: number;
  lastBeyond: number;
  count: number;
  endTime: number | undefined;
}

/** A change, in which direction, and from where. */
interface Change {
  readonly direction: 1 | -1;
  readonly x: number;
  readonly reference: number;
}

const LEVELS = { 1: 'warning', 2: 'critical' } as const;

/** One rule of one symbol. */
export class RuleOracle {
  #rule: OracleRule;
  readonly #symbol: KnownSymbol;
  readonly #modules: ReadonlyMap<string, OracleModule>;
  readonly #episodes: Episode[] = [];
  readonly #volatility: RuleVolatility;
  /** Undefined: not a module, or it threw. */
  #detector: OracleDetector | undefined;
  #restart = Number.NEGATIVE_INFINITY;
  #isArmed = false;
  /** A rule that comes into force later knows no tick from before, from this place in the list. */
  #from = 0;
  #hasBegun = false;
  readonly #isLater: boolean;
  /** Episodes of what the rule was before, by the same name. */
  readonly #earlier: number;

  constructor(
    rule: OracleRule,
    symbol: KnownSymbol,
    modules: ReadonlyMap<string, OracleModule>,
    earlier = 0,
  ) {
    this.#rule = rule;
    this.#symbol = symbol;
    this.#modules = modules;
    this.#earlier = earlier;
    this.#isLater = symbol.past.length > 0;
    this.#volatility = new RuleVolatility(rule);
    if (rule.kind === 'module') {
      this.#detector = modules.get(rule.module as string)?.(rule.options);
    }
  }

  get name(): string {
    return this.#rule.name;
  }

  get kind(): string {
    return this.#rule.kind;
  }

  /** Of a spike; else 0. */
  get windowMs(): number {
    return this.kind === 'spike' ? (this.#rule.windowMs ?? 0) : 0;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get #open(): Episode | undefined {
    const last = this.#episodes.at(-1);
    return last?.endTime === undefined ? last : undefined;
  }

  /** Null: every qualifying tick is an alert. */
  get #settings(): OracleEpisodeSettings | null {
    const { episode } = this.#rule;
    const defaults = { clear: 0.5, holdMs: 1000, cooldownMs: 0, step: false };
    return episode === null ? null : { ...defaults, ...episode };
  }

  get #warning(): string {
    return this.#rule.warning as string;
  }

  /** Whether another version of the rule keeps its state. */
  goesOnAs(other: OracleRule): boolean {
    return natureOf(this.#rule) === natureOf(other);
  }

  /** The rule as another version of the same name. */
  continuedAs(other: OracleRule): RuleOracle {
    if (!this.goesOnAs(other)) {
      const episodes = this.#earlier + this.#episodes.length;
      return new RuleOracle(other, this.#symbol, this.#modules, episodes);
    }
    this.#rule = other;
    return this;
  }

  judge(tick: OracleTick, before: PastTick | undefined): void {
    const last = this.#hasBegun || !this.#isLater ? before : undefined;
    if (!this.#hasBegun) this.#begin(tick);
    if (isSampled(this.#rule) && last !== undefined) this.#volatility.sample(last, tick.time);
    const factor = hoursFactor(this.#rule.hours, tick.time);
    if (factor === undefined) {
      this.#end('closed', tick.time, tick.price);
      return;
    }
    if (isSampled(this.#rule) && !this.#volatility.isWarm) return;
    const changes = this.#changes(tick, last);
    const isBeyondAny = changes.some(({ x, reference }) =>
      this.#isBeyond(this.#warning, x, reference, tick.price, factor),
    );
    if (this.kind === 'band' && !this.#isArmed) {
      const hasReference = this.#rule.around !== 'average' || tick.average !== undefined;
      if (!hasReference || isBeyondAny) return;
      this.#isArmed = true;
    }
    if (this.#settings === null) {
      for (const change of changes) {
        const level = this.#level(change, tick.price, factor);
        if (level > 0) this.#start(change, level as 1 | 2, tick);
      }
    } else if (this.#follow(tick, changes, factor)) {
      this.#tryStart(tick, changes, factor);
    }
  }

  #begin({ time }: OracleTick): void {
    this.#hasBegun = true;
    if (!this.#isLater) return;
    this.#restart = time;
    this.#from = this.#symbol.past.length - 1;
  }

  #detect({ price, time }: OracleTick): Change[] {
    try {
      const found = this.#detector?.(price, time);
      if (found === undefined || found.change === 0) return [];
      const { change, reference } = found;
      return [{ direction: change > 0 ? 1 : -1, x: change, reference }];
    } catch {
      this.#detector = undefined;
      return [];
    }
  }

  /** Step 1. Returns whether step 2 is next. */
  #follow(tick: OracleTick, changes: readonly Change[], factor: number): boolean {
    const open = this.#open;
    const settings = this.#settings;
    if (open === undefined || settings === null) return true;
    const { price, time } = tick;
    const back = ((price - open.origin) / open.origin) * 100;
    if (Math.abs(back) < settings.clear * this.#threshold(this.#warning, factor)) {
      this.#end('reverted', time, price);
      this.#restart = time;
      return false;
    }
    if (back !== 0 && Math.sign(back) !== open.direction) {
      this.#end('reversed', time, price);
      return true;
    }
    if (this.kind === 'gap' && time > open.startTime + settings.holdMs) {
      this.#end('settled', open.startTime + settings.holdMs, price);
      return true;
    }
    const direction = open.direction as 1 | -1;
    const own: Change | undefined =
      this.kind === 'gap'
        ? { direction, x: back, reference: open.origin }
        : changes.find((change) => change.direction === direction);
    const level = own === undefined ? 0 : this.#level(own, price, factor);
    if (own === undefined || level === 0) {
      if (this.kind === 'gap' || time <= open.lastBeyond + settings.holdMs) return false;
      this.#end('settled', open.lastBeyond + settings.holdMs, price);
      return true;
    }
    open.lastBeyond = time;
    open.count++;
    if (direction === 1) open.peak = Math.max(open.peak, price);
    else open.peak = Math.min(open.peak, price);
    const further = ((price - open.announced) / open.announced) * 100;
    if (level > open.level) {
      open.level = level as 2;
      open.announced = price;
      this.#raise('escalate', open, own.reference, price, own.x, time);
    } else if (
      settings.step &&
      Math.sign(further) === direction &&
      this.#isBeyond(this.#warning, further, open.announced, price, factor)
    ) {
      open.announced = price;
      this.#raise('extend', open, own.reference, price, own.x, time);
    }
    return false;
  }

  /** Step 2. */
  #tryStart(tick: OracleTick, changes: readonly Change[], factor: number): void {
    const candidates = changes
      .map((change) => ({ change, level: this.#level(change, tick.price, factor) }))
      .filter(({ level }) => level > 0)
      .sort(
        (a, b) =>
          b.level - a.level ||
          Math.abs(b.change.x) - Math.abs(a.change.x) ||
          b.change.direction - a.change.direction,
      );
    const [first] = candidates;
    if (first === undefined) return;
    const level = first.level as 1 | 2;
    if (!this.#isCooling(tick.time, level)) this.#start(first.change, level, tick);
  }

  #isCooling(time: number, level: number): boolean {
    const last = this.#episodes.at(-1);
    const cooldownMs = this.#settings?.cooldownMs ?? 0;
    if (last?.endTime === undefined || cooldownMs === 0) return false;
    if (time > last.endTime + cooldownMs || level > last.level) return false;
    const { suppressed } = this.#symbol;
    suppressed.set(this.#rule.name, (suppressed.get(this.#rule.name) ?? 0) + 1);
    return true;
  }

  #start(
    { direction, x, reference }: { direction: 1 | -1 | 0; x: number; reference: number },
    level: 1 | 2,
    { price, time }: PastTick,
  ): void {
    const episode: Episode = {
      direction,
      origin: reference,
      startTime: time,
      level,
      peak: price,
      announced: price,
      lastBeyond: time,
      count: 1,
      endTime: this.#settings === null ? time : undefined,
    };
    this.#episodes.push(episode);
    this.#raise('start', episode, reference, price, x, time);
  }

  #end(reason: NonNullable<ExpectedAlert['reason']>, time: number, price: number): void {
    const open = this.#open;
    if (open === undefined) return;
    const back = open.direction === 0 ? 0 : ((price - open.origin) / open.origin) * 100;
    open.endTime = time;
    this.#raise('end', open, open.origin, price, back, time, reason);
  }

  #raise(
    phase: ExpectedAlert['phase'],
    { direction, level, startTime, peak, count }: Episode,
    reference: number,
    price: number,
    x: number,
    time: number,
    reason?: ExpectedAlert['reason'],
  ): void {
    this.#symbol.raise({
      rule: this.#rule.name,
      episode: this.#earlier + this.#episodes.length,
      phase,
      level: LEVELS[level],
      direction: direction === 0 ? 'None' : direction === 1 ? 'Up' : 'Down',
      reference,
      price,
      changePercent: Math.min(x, Number.MAX_VALUE),
      time,
      startTime,
      peak,
      count,
      reason,
    });
  }

  /** The rule changes its nature, or its symbol goes. */
  close(time: number): void {
    const { currentPrice, newest } = this.#symbol;
    this.#end('closed', time, (this.kind === 'stale' ? currentPrice : newest?.price) as number);
  }

  clock(now: number): void {
    const { currentPrice, newest } = this.#symbol;
    const price = this.kind === 'stale' ? currentPrice : newest?.price;
    if (price === undefined) return;
    if (this.kind !== 'stale') {
      const open = this.#open;
      if (open === undefined) return;
      const since = this.kind === 'gap' ? open.startTime : open.lastBeyond;
      const settled = since + (this.#settings?.holdMs ?? 0);
      if (now > settled) this.#end('settled', settled, price);
      return;
    }
    if (hoursFactor(this.#rule.hours, now) === undefined) {
      this.#end('closed', now, price);
      return;
    }
    const { arrival } = this.#symbol;
    if (arrival === undefined) return;
    const hasSpoken = this.#settings === null && (this.#episodes.at(-1)?.startTime ?? -1) > arrival;
    if (this.isOpen || hasSpoken || !(now - arrival > (this.#rule.afterMs as number))) return;
    if (this.#isCooling(now, 1)) return;
    this.#start({ direction: 0, x: 0, reference: price }, 1, { price, time: now });
  }

  wake(receivedAt: number, price: number): void {
    this.#end('reverted', receivedAt, price);
  }

  #threshold(text: string, factor: number): number {
    const number = Number.parseFloat(text);
    if (!text.endsWith('s')) return number * factor;
    const window = this.#rule.windowMs ?? this.#rule.overMs ?? Number.NaN;
    const floor = Number.parseFloat(this.#rule.floor as string);
    const spread = Math.sqrt((this.#volatility.variance * window) / this.#volatility.sampleMs);
    return Math.max(floor, number * 100 * spread) * factor;
  }

  #isBeyond(text: string, x: number, reference: number, price: number, factor: number): boolean {
    const threshold = this.#threshold(text, factor);
    const isBeyond = text.endsWith('s') ? Math.abs(x) > threshold : Math.abs(x) - threshold > 1e-9;
    const moved = Math.abs(price - reference) - (this.#rule.minMove ?? 0);
    return isBeyond && moved > 1e-11 * reference;
  }

  #level({ x, reference }: Change, price: number, factor: number): 0 | 1 | 2 {
    const { critical } = this.#rule;
    if (!this.#isBeyond(this.#warning, x, reference, price, factor)) return 0;
    if (critical === undefined) return 1;
    return this.#isBeyond(critical, x, reference, price, factor) ? 2 : 1;
  }

  /** Up first; none of nothing. */
  #changes(tick: OracleTick, before: PastTick | undefined): Change[] {
    const { price } = tick;
    const { past } = this.#symbol;
    if (this.kind === 'spike') {
      const since = Math.max(tick.time - this.windowMs, this.#restart);
      let lo = price;
      let hi = price;
      for (let i = past.length - 1; i >= 0 && (past[i] as PastTick).time >= since; i--) {
        lo = Math.min(lo, (past[i] as PastTick).price);
        hi = Math.max(hi, (past[i] as PastTick).price);
      }
      for (const late of this.#symbol.folded) {
        if (late.time < since) continue;
        lo = Math.min(lo, late.price);
        hi = Math.max(hi, late.price);
      }
      return [...changeFrom(lo, price), ...changeFrom(hi, price)];
    }
    if (this.kind === 'gap') return changeFrom(before?.price, price);
    if (this.kind === 'module') return this.#detect(tick);
    if (this.kind === 'band') {
      const { around } = this.#rule;
      return changeFrom(typeof around === 'number' ? around : tick.average, price);
    }
    const bucketMs = (this.#rule.overMs as number) / 16;
    const bucket = Math.floor(tick.time / bucketMs);
    const then = past
      .slice(this.#from)
      .findLast(({ time }) => Math.floor(time / bucketMs) <= bucket - 16);
    return changeFrom(then?.price, price);
  }
}

function changeFrom(reference: number | undefined, price: number): Change[] {
  if (reference === undefined || price === reference) return [];
  const x = ((price - reference) / reference) * 100;
  return [{ direction: price > reference ? 1 : -1, x, reference }];
}

function isSampled({ critical, warning }: OracleRule): boolean {
  return [critical, warning].some((text) => text?.endsWith('s') === true);
}

/** What a rule may not change without losing its state. */
function natureOf(rule: OracleRule): string {
  const { kind, windowMs, overMs, afterMs, sigma, module, options } = rule;
  const defaults = { sampleMs: 1000, halfLifeMs: 300_000, warmup: 60, scale: 'ewma' };
  const { sampleMs, halfLifeMs, warmup, scale } = { ...defaults, ...sigma };
  const sampling = isSampled(rule) ? [sampleMs, halfLifeMs, warmup, scale] : [];
  return JSON.stringify([kind, windowMs ?? overMs ?? afterMs, sampling, module, options]);
}
