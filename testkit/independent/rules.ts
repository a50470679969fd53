/*
 * The rules a second time, straight from their definition: plain, and without code or data
 * structures of the server. A symbol keeps every tick that took part; windows, buckets and samples
 * are searched in that list.
 */

interface OracleHours {
  readonly tz?: string;
  readonly days?: string;
  readonly from?: string;
  readonly to?: string;
  readonly scale?: readonly { readonly from: string; readonly to: string; readonly by: number }[];
}

interface EpisodeSettings {
  readonly clear: number;
  readonly holdMs: number;
  readonly cooldownMs: number;
  readonly step: boolean;
}

interface SigmaSettings {
  readonly sampleMs: number;
  readonly halfLifeMs: number;
  readonly warmup: number;
  readonly scale: string;
}

/** What a rule says and an override may say otherwise. */
interface OracleSettings {
  readonly windowMs?: number;
  readonly overMs?: number;
  readonly afterMs?: number;
  readonly around?: number | string;
  readonly warning?: string;
  readonly critical?: string;
  readonly minMove?: number;
  readonly floor?: string;
  readonly sigma?: Partial<SigmaSettings>;
  readonly episode?: Partial<EpisodeSettings> | null;
  readonly hours?: OracleHours;
  readonly off?: boolean;
}

export interface OracleRule extends OracleSettings {
  readonly name: string;
  readonly kind: string;
  readonly symbols: readonly string[];
  readonly overrides?: readonly (OracleSettings & { readonly symbols: readonly string[] })[];
}

/** A rule file, valid and unchecked. */
export interface OracleFile {
  readonly rules: readonly OracleRule[];
}

export interface ExpectedAlert {
  readonly sequence: number;
  readonly rule: string;
  readonly episode: number;
  readonly phase: 'start' | 'escalate' | 'extend' | 'end';
  readonly level: 'warning' | 'critical';
  readonly direction: 'Up' | 'Down' | 'None';
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
  readonly startTime: number;
  readonly peak: number;
  readonly count: number;
  readonly reason: 'reverted' | 'reversed' | 'settled' | 'closed' | undefined;
}

export interface OracleTick {
  readonly price: number;
  readonly time: number;
  /** The server's clock at its receipt. */
  readonly receivedAt: number;
  /** The moving average before it; undefined: there is none. */
  readonly average: number | undefined;
}

interface PastTick {
  readonly price: number;
  readonly time: number;
}

/** An episode; ended once it has a reason. */
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

/** The rules of one symbol of the default tenant. */
export class SymbolRules {
  readonly alerts: ExpectedAlert[] = [];
  /** Alerts that a cool-down swallowed, by rule. */
  readonly suppressed = new Map<string, number>();
  readonly #rules: readonly RuleOracle[];
  readonly #past: PastTick[] = [];
  /** Late ticks, for the windows of spikes alone. */
  readonly #folded: PastTick[] = [];
  readonly #foldedMs: number | undefined;
  #arrival: number | undefined;

  /** @param foldedMs the window of the anomaly rule, if late ticks are folded; else undefined */
  constructor(file: OracleFile, symbol: string, foldedMs?: number) {
    this.#foldedMs = foldedMs;
    this.#rules = file.rules.flatMap((written) => {
      if (!matchesAny(written.symbols, symbol)) return [];
      let rule = written;
      for (const { symbols, ...changes } of written.overrides ?? []) {
        if (matchesAny(symbols, symbol)) rule = { ...rule, ...changes };
      }
      return rule.off === true ? [] : [new RuleOracle(rule, this)];
    });
  }

  get past(): readonly PastTick[] {
    return this.#past;
  }

  get folded(): readonly PastTick[] {
    return this.#folded;
  }

  get arrival(): number | undefined {
    return this.#arrival;
  }

  get newest(): PastTick | undefined {
    return this.#past.at(-1);
  }

  /** Episodes that have not ended. */
  get open(): number {
    return this.#rules.filter((rule) => rule.isOpen).length;
  }

  take(tick: OracleTick): void {
    const isLate = tick.time < (this.newest?.time ?? Number.NEGATIVE_INFINITY);
    const before = this.newest;
    if (!isLate) this.#past.push({ price: tick.price, time: tick.time });
    for (const rule of this.#rules) {
      if (rule.kind === 'stale') rule.wake(tick.receivedAt, (this.newest as PastTick).price);
      else if (!isLate) rule.judge(tick, before);
    }
    this.#arrival = tick.receivedAt;
    if (isLate) this.#fold(tick);
  }

  #fold({ price, time }: PastTick): void {
    const newest = this.newest as PastTick;
    const windows = this.#rules.map(({ windowMs }) => windowMs);
    if (this.#foldedMs === undefined) return;
    if (time < newest.time - Math.max(this.#foldedMs, ...windows)) return;
    this.#folded.push({ price, time });
    const again = { ...newest, receivedAt: 0, average: undefined };
    for (const rule of this.#rules) if (rule.kind === 'spike') rule.judge(again, undefined);
  }

  clock(now: number): void {
    for (const rule of this.#rules) rule.clock(now);
  }

  raise(alert: Omit<ExpectedAlert, 'sequence'>): void {
    this.alerts.push({ sequence: this.alerts.length + 1, ...alert });
  }
}

class RuleOracle {
  readonly kind: string;
  readonly #rule: OracleRule;
  readonly #symbol: SymbolRules;
  readonly #settings: EpisodeSettings | null;
  readonly #episodes: Episode[] = [];
  /** Returns over the grid: r, and the buckets passed. */
  readonly #samples: { r: number; m: number }[] = [];
  #lastSample: number | undefined;
  #v = 0;
  #restart = Number.NEGATIVE_INFINITY;
  #isArmed = false;
  constructor(rule: OracleRule, symbol: SymbolRules) {
    this.#rule = rule;
    this.kind = rule.kind;
    this.#symbol = symbol;
    const defaults = { clear: 0.5, holdMs: 1000, cooldownMs: 0, step: false };
    this.#settings = rule.episode === null ? null : { ...defaults, ...rule.episode };
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

  get #sigma(): SigmaSettings {
    const { sigma } = this.#rule;
    return { sampleMs: 1000, halfLifeMs: 300_000, warmup: 60, scale: 'ewma', ...sigma };
  }

  get #warning(): string {
    return this.#rule.warning as string;
  }

  get #isSampled(): boolean {
    const { critical, warning } = this.#rule;
    return [critical, warning].some((text) => text?.endsWith('s') === true);
  }

  judge(tick: OracleTick, before: PastTick | undefined): void {
    if (this.#isSampled && before !== undefined) this.#sample(before, tick.time);
    const factor = hoursFactor(this.#rule.hours, tick.time);
    if (factor === undefined) {
      this.#end('closed', tick.time, tick.price);
      return;
    }
    if (this.#isSampled && this.#samples.length < this.#sigma.warmup) return;
    const changes = this.#changes(tick, before);
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
      episode: this.#episodes.length,
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

  clock(now: number): void {
    const price = this.#symbol.newest?.price;
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
    const arrival = this.#symbol.arrival as number;
    const hasSpoken = this.#settings === null && (this.#episodes.at(-1)?.startTime ?? -1) > arrival;
    if (this.isOpen || hasSpoken || !(now - arrival > (this.#rule.afterMs as number))) return;
    if (this.#isCooling(now, 1)) return;
    this.#start({ direction: 0, x: 0, reference: price }, 1, { price, time: now });
  }

  wake(receivedAt: number, price: number): void {
    this.#end('reverted', receivedAt, price);
  }

  /** The sample at the end of the bucket before, if this tick begins another one. */
  #sample(before: PastTick, time: number): void {
    const { sampleMs, halfLifeMs, warmup } = this.#sigma;
    const m = Math.floor(time / sampleMs) - Math.floor(before.time / sampleMs);
    if (m === 0) return;
    const s = before.price;
    const s0 = this.#lastSample;
    this.#lastSample = s;
    if (s0 === undefined || m > 300) return;
    const r = (s - s0) / s0;
    let u = Math.min(r * r, 1) / m;
    if (this.#samples.length >= warmup) u = Math.min(u, 16 * this.#v);
    this.#samples.push({ r, m });
    const lambda = 2 ** (-sampleMs / halfLifeMs);
    this.#v += Math.max(1 - lambda, 1 / this.#samples.length) * (u - this.#v);
  }

  get #variance(): number {
    if (this.#sigma.scale !== 'mad') return this.#v;
    const last = this.#samples.slice(-31).map(({ r, m }) => Math.abs(r) / Math.sqrt(m));
    if (last.length === 0) return 0;
    last.sort((a, b) => a - b);
    const middle = last.length / 2;
    const median =
      last.length % 2 === 1
        ? (last[Math.floor(middle)] as number)
        : ((last[middle - 1] as number) + (last[middle] as number)) / 2;
    const scaled = 1.4826 * median;
    return scaled * scaled;
  }

  #threshold(text: string, factor: number): number {
    const number = Number.parseFloat(text);
    if (!text.endsWith('s')) return number * factor;
    const window = this.#rule.windowMs ?? this.#rule.overMs ?? Number.NaN;
    const floor = Number.parseFloat(this.#rule.floor as string);
    const spread = Math.sqrt((this.#variance * window) / this.#sigma.sampleMs);
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
    if (this.kind === 'band') {
      const { around } = this.#rule;
      return changeFrom(typeof around === 'number' ? around : tick.average, price);
    }
    const bucketMs = (this.#rule.overMs as number) / 16;
    const bucket = Math.floor(tick.time / bucketMs);
    const then = past.findLast(({ time }) => Math.floor(time / bucketMs) <= bucket - 16);
    return changeFrom(then?.price, price);
  }
}

function changeFrom(reference: number | undefined, price: number): Change[] {
  if (reference === undefined || price === reference) return [];
  const x = ((price - reference) / reference) * 100;
  return [{ direction: price > reference ? 1 : -1, x, reference }];
}

function matchesAny(patterns: readonly string[], symbol: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'su').test(symbol);
  });
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  const format =
    known ??
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  formats.set(timeZone, format);
  return format;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** By how much thresholds are multiplied at a time; undefined: the rule is asleep. */
export function hoursFactor(hours: OracleHours | undefined, time: number): number | undefined {
  if (hours === undefined) return 1;
  const format = formatOf(hours.tz ?? 'UTC');
  const parts = Object.fromEntries(
    format.formatToParts(time).map((part) => [part.type, part.value]),
  );
  const day = parts.weekday?.toLowerCase() ?? '';
  const clock = `${parts.hour}:${parts.minute}`;
  const isDay = (hours.days ?? 'sun-sat').split(',').some((range) => {
    const [first = '', last = first] = range.split('-');
    const length = (DAYS.indexOf(last) - DAYS.indexOf(first) + 7) % 7;
    return (DAYS.indexOf(day) - DAYS.indexOf(first) + 7) % 7 <= length;
  });
  if (!isDay || clock < (hours.from ?? '00:00') || clock >= (hours.to ?? '24:00')) return undefined;
  const scaled = (hours.scale ?? []).find(({ from, to }) => clock >= from && clock < to);
  return scaled?.by ?? 1;
}
