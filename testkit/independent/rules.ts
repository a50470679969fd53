/*
 * The rules a second time, straight from their definition: plain, and without code or data
 * structures of the server. A symbol keeps every tick that took part; windows, buckets and samples
 * are searched in that list.
 */
import type {
  ExpectedAlert,
  KnownSymbol,
  OracleFile,
  OracleModule,
  OracleRule,
  OracleTick,
  PastTick,
} from './rule-definitions.ts';
import { RuleOracle } from './rule-oracle.ts';

export type { ExpectedAlert, OracleFile, OracleModule, OracleRule } from './rule-definitions.ts';

/** How the ticks of a symbol reach its rules. */
export interface OracleEventTime {
  /** The window of the anomaly rule, if late ticks are folded; undefined: they are ignored. */
  readonly foldedMs?: number | undefined;
  /** How long a tick waits for earlier ones, ms. */
  readonly allowedLatenessMs?: number;
  /** Ticks that wait at most. */
  readonly reorderTicks?: number;
}

/** The rules of one symbol of the default tenant. */
export class SymbolRules implements KnownSymbol {
  readonly alerts: ExpectedAlert[] = [];
  readonly suppressed = new Map<string, number>();
  readonly past: PastTick[] = [];
  readonly folded: PastTick[] = [];
  arrival: number | undefined;
  #arrived = Number.NEGATIVE_INFINITY;
  /** Ticks that wait, by time, then by arrival. */
  readonly held: OracleTick[] = [];
  #current: PastTick | undefined;
  #rules: readonly RuleOracle[];
  #lastSequence: number;
  readonly #symbol: string;
  readonly #eventTime: OracleEventTime;
  readonly #modules: ReadonlyMap<string, OracleModule>;

  /** @param lastSequence of its alerts in an earlier life */
  constructor(
    file: OracleFile,
    symbol: string,
    eventTime: OracleEventTime = {},
    modules: ReadonlyMap<string, OracleModule> = new Map(),
    lastSequence = 0,
  ) {
    this.#symbol = symbol;
    this.#eventTime = eventTime;
    this.#modules = modules;
    this.#lastSequence = lastSequence;
    this.#rules = this.#rulesOf(file).map((rule) => new RuleOracle(rule, this, modules));
  }

  #rulesOf(file: OracleFile): OracleRule[] {
    return file.rules.flatMap((written) => {
      if (!matchesAny(written.symbols, this.#symbol)) return [];
      let rule = written;
      for (const { symbols, ...changes } of written.overrides ?? []) {
        if (matchesAny(symbols, this.#symbol)) rule = { ...rule, ...changes };
      }
      return rule.off === true ? [] : [rule];
    });
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get newest(): PastTick | undefined {
    return this.past.at(-1);
  }

  get currentPrice(): number | undefined {
    return this.#current?.price;
  }

  /** Episodes that have not ended. */
  get open(): number {
    return this.#rules.filter((rule) => rule.isOpen).length;
  }

  take(tick: OracleTick): void {
    const { allowedLatenessMs = 0, reorderTicks = 256 } = this.#eventTime;
    if (tick.time >= (this.#current?.time ?? Number.NEGATIVE_INFINITY)) this.#current = tick;
    if (allowedLatenessMs === 0) {
      this.#judge(tick, true);
      return;
    }
    const at = this.held.findIndex(({ time }) => time > tick.time);
    this.held.splice(at < 0 ? this.held.length : at, 0, tick);
    for (const rule of this.#rules) if (rule.kind === 'stale') this.#wake(rule, tick);
    this.#noteArrival(tick);
    const watermark = (this.#current as PastTick).time - allowedLatenessMs;
    this.#release((oldest) => oldest.time <= watermark, tick.average);
    if (this.held.length > reorderTicks) {
      const early = this.held[0];
      this.#release((oldest) => oldest === early, tick.average);
    }
  }

  #release(isDue: (oldest: OracleTick) => boolean, average: number | undefined): void {
    while (this.held[0] !== undefined && isDue(this.held[0])) {
      this.#judge({ ...(this.held.shift() as OracleTick), average }, false);
    }
  }

  /** @param isArriving whether it comes now, and did not wait */
  #judge(tick: OracleTick, isArriving: boolean): void {
    const before = this.newest;
    const isLate = tick.time < (before?.time ?? Number.NEGATIVE_INFINITY);
    if (!isLate) this.past.push({ price: tick.price, time: tick.time });
    for (const rule of this.#rules) {
      if (rule.kind !== 'stale') {
        if (!isLate) rule.judge(tick, before);
      } else if (isArriving) this.#wake(rule, tick);
    }
    if (isArriving) this.#noteArrival(tick);
    if (isLate) this.#fold(tick);
  }

  /** Where no rule applies, nobody notes when ticks come. */
  #noteArrival({ receivedAt }: OracleTick): void {
    this.#arrived = receivedAt;
    if (this.#rules.length > 0) this.arrival = receivedAt;
  }

  #wake(rule: RuleOracle, { receivedAt }: OracleTick): void {
    rule.wake(receivedAt, this.currentPrice as number);
  }

  #fold({ price, time }: PastTick): void {
    const { foldedMs } = this.#eventTime;
    const newest = this.newest as PastTick;
    const windows = this.#rules.map(({ windowMs }) => windowMs);
    if (foldedMs === undefined) return;
    if (time < newest.time - Math.max(foldedMs, ...windows)) return;
    this.folded.push({ price, time });
    const again = { ...newest, receivedAt: 0, average: undefined };
    for (const rule of this.#rules) if (rule.kind === 'spike') rule.judge(again, undefined);
  }

  /**
   * A reading of the server's clock.
   *
   * @param average the moving average now
   */
  clock(now: number, average?: number): void {
    const { allowedLatenessMs = 0 } = this.#eventTime;
    if (now - this.#arrived >= allowedLatenessMs) this.#release(() => true, average);
    for (const rule of this.#rules) rule.clock(now);
  }

  /** Another file comes into force. A rule of the same name goes on unless its nature changes. */
  change(file: OracleFile, now: number): void {
    const next = this.#rulesOf(file);
    const kept = new Map<string, RuleOracle>();
    for (const own of this.#rules) {
      const other = next.find(({ name }) => name === own.name);
      const isOver = other === undefined || other.episode === null || !own.goesOnAs(other);
      if (isOver) own.close(now);
      if (other !== undefined) kept.set(other.name, own.continuedAs(other));
    }
    this.#rules = next.map(
      (rule) => kept.get(rule.name) ?? new RuleOracle(rule, this, this.#modules),
    );
    if (next.length === 0) this.arrival = undefined;
  }

  /** The symbol is retired: open episodes end. */
  retire(): void {
    for (const rule of this.#rules) rule.close(this.#current?.time ?? 0);
  }

  raise(alert: Omit<ExpectedAlert, 'sequence'>): void {
    this.alerts.push({ sequence: ++this.#lastSequence, ...alert });
  }
}

function matchesAny(patterns: readonly string[], symbol: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'su').test(symbol);
  });
}
