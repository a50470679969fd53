import { setTimeout as delay } from 'node:timers/promises';
import {
  decodeSymbolStates,
  type LocalSettings,
  type Retirement,
  ShardPartition,
} from '../engine/index.ts';
import type { RuleKind } from '../protocol/index.ts';
import type { Span, Tracing } from '../telemetry/tracing.ts';
import type { Bus, Reading, ReadMessage } from './bus.ts';
import { type IdleSettings, IdleSymbols } from './idle-symbols.ts';
import {
  isSegments,
  type LogEntry,
  type RulesEntry,
  readEntry,
  writeEntry,
} from './log-entries.ts';
import type { ClusterNames } from './names.ts';
import { FencedError, OutputWriter } from './output-writer.ts';
import type { OwnerCounts } from './owner-counts.ts';
import { ShardRows } from './shard-rows.ts';
import { loadSnapshot } from './shard-snapshot.ts';
import { SkippedTicks, TickError, type TickPlace } from './skipped-ticks.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { TickFold } from './tick-fold.ts';

/** Outputs that wait for the broker before no more ticks are read. */
const OUTPUTS_MAX = 20_000;
/** Interval of looks whether they are fewer, ms. */
const WAIT_MS = 5;

export interface ShardSettings {
  readonly rules: LocalSettings;
  /** Symbols at most. */
  readonly symbols: number;
  readonly growBytes: number;
}

export interface ShardParts {
  readonly bus: Bus;
  readonly names: ClusterNames;
  readonly settings: ShardSettings;
  readonly counts: OwnerCounts;
  /** Identifies this process. */
  readonly owner: string;
  /** Called once if the shard cannot be owned any longer. */
  readonly onLost: (shard: number, error: unknown) => void;
  readonly tracing?: Tracing | undefined;
  /** Undefined: no symbol is retired for having no ticks. */
  readonly idle?: IdleSettings | undefined;
  readonly onRuleFaults?: ((symbol: string, faults: readonly string[]) => void) | undefined;
}

/** What a claimed shard goes on from. */
interface Found {
  readonly snapshot: Awaited<ReturnType<typeof loadSnapshot>>;
  readonly skipped: SkippedTicks;
  /** The last message of its log. */
  readonly caughtUpAt: number;
}

/**
 * A shard that this process owns: a fold of the shard's log. Its rows go to edges as they change,
 * its anomalies and alerts into the log of outputs, its state into snapshots, each after the
 * outputs that it contains.
 */
export class OwnedShard {
  readonly shard: number;
  readonly #parts: ShardParts;
  readonly #outputs: OutputWriter;
  readonly #snapshots: SnapshotWriter;
  readonly #partition: ShardPartition;
  /** Its places that are counted as dropped. */
  #truncated = 0;
  readonly #ticks: TickFold;
  readonly #rows: ShardRows;
  #reading: Reading | undefined;
  /** Undefined: it does not answer edges yet. */
  #unsubscribe: (() => void) | undefined;
  /** The last message folded. */
  position: number;
  /** Messages of the log that followed the last one folded, as of its delivery. */
  lagMessages = 0;
  /** Outputs of the message at hand. */
  #index = 0;
  /** It answers, and publishes rows, once it has folded this message. */
  readonly #caughtUpAt: number;
  #isStopped = false;
  /** In force at the position; undefined: none. */
  #rules: RulesEntry | undefined;
  readonly #idle: IdleSymbols | undefined;
  /** An entry of this owner's is on its way into the log. */
  #isAppending = false;
  /** Until its first rows are out. */
  #takeOver: Span | undefined;
  readonly #skipped: SkippedTicks;
  #failedAt: TickPlace | undefined;

  private constructor(
    parts: ShardParts,
    shard: number,
    outputs: OutputWriter,
    { caughtUpAt, skipped, snapshot }: Found,
  ) {
    this.shard = shard;
    this.#parts = parts;
    this.#outputs = outputs;
    this.#skipped = skipped;
    this.#caughtUpAt = caughtUpAt;
    this.position = snapshot?.position ?? 0;
    this.#rules = snapshot?.rules;
    const { bus, counts, idle, names, settings } = parts;
    const { rules, symbols, growBytes } = settings;
    const isStopped = () => this.#isStopped;
    const confirm = () => this.confirm();
    this.#snapshots = new SnapshotWriter({ bus, names, shard, isStopped, confirm }, snapshot);
    this.#partition = new ShardPartition({
      rules,
      symbols,
      growBytes,
      states: snapshot === undefined ? [] : decodeSymbolStates(snapshot.states),
      lives: snapshot?.lives,
      ruleText: this.#rules?.text,
      onAnomaly: (anomaly) => outputs.add(anomaly, this.#nextPlace()),
      onAlert: (alert) => outputs.addAlert(alert, this.#nextPlace()),
      onRuleFaults: parts.onRuleFaults,
    });
    const { maxFutureMs } = rules;
    const partition = this.#partition;
    this.#ticks = new TickFold(names, shard, partition, counts, maxFutureMs, snapshot, skipped);
    this.#rows = new ShardRows({
      bus,
      names,
      shard,
      epoch: outputs.epoch,
      partition: this.#partition,
      position: () => this.position,
      onPublished: () => {
        this.#takeOver?.end();
        this.#takeOver = undefined;
      },
    });
    if (idle === undefined) return;
    const propose = (retire: readonly Retirement[]) => this.#propose(retire);
    this.#idle = new IdleSymbols(idle, this.#partition, propose);
  }

  /**
   * Claims a shard, which fences off whoever had it, and goes on where that one was.
   *
   * @param failedAt a tick that this process could not apply before: if it fails again, now from a
   *   state that was read anew, every fold leaves it out from then on
   * @throws Error if the broker does not answer, or the snapshot is damaged
   */
  static async adopt(parts: ShardParts, shard: number, failedAt?: TickPlace): Promise<OwnedShard> {
    const attributes = { 'tickwire.shard': shard };
    const span = parts.tracing?.start('shard take-over', { attributes });
    try {
      const owned = await OwnedShard.#adopt(parts, shard, span);
      owned.#failedAt = failedAt;
      owned.#start();
      return owned;
    } catch (error) {
      span?.fail(error);
      throw error;
    }
  }

  static async #adopt(
    parts: ShardParts,
    shard: number,
    span: Span | undefined,
  ): Promise<OwnedShard> {
    const { bus, counts, names, owner } = parts;
    const outputs = await OutputWriter.claim(bus, names, shard, owner);
    span?.event('claimed', { 'tickwire.epoch': outputs.epoch });
    const [snapshot, skipped, ...last] = await Promise.all([
      loadSnapshot(bus, names, shard),
      SkippedTicks.read(bus, names, shard),
      ...names.tickFilters(shard).map((filter) => bus.last(names.tickLog(shard), filter)),
    ]);
    span?.event('snapshot loaded', { 'tickwire.position': snapshot?.position ?? 0 });
    const caughtUpAt = Math.max(0, ...last.map((message) => message?.sequence ?? 0));
    const owned = new OwnedShard(parts, shard, outputs, { caughtUpAt, skipped, snapshot });
    counts.takeovers++;
    owned.#takeOver = span;
    return owned;
  }

  get epoch(): number {
    return this.#outputs.epoch;
  }

  /** See {@link TickFold.delayMs}. */
  get delayMs(): number {
    return this.#ticks.delayMs;
  }

  /** Anomalies and alerts that are not known to be stored. */
  get waitingOutputs(): number {
    return this.#outputs.waiting;
  }

  /** Whether everything is folded that was in the log when the shard was claimed. */
  get isCaughtUp(): boolean {
    return this.position >= this.#caughtUpAt;
  }

  /** Alerts of a rule that a cool-down covered, since the shard was taken over. */
  suppressed(name: string, kind: RuleKind): number {
    return this.#partition.suppressed(name, kind);
  }

  /** Puts rules into the log, unless those at its end are as new. */
  wantRules(rules: RulesEntry): void {
    if (rules.number > (this.#rules?.number ?? 0)) void this.#append({ rules });
  }

  /** Puts a reading of the clock into the log, if something ends by time. */
  tellTime(now: number): void {
    if (this.#partition.needsClock) void this.#append({ clock: now });
  }

  /** Puts retirements into the log. Returns whether they are there, as far as known. */
  async #propose(retire: readonly Retirement[]): Promise<boolean> {
    const { bus, names } = this.#parts;
    if (!this.isCaughtUp || this.#isStopped) return false;
    const entry = { subject: names.ticks(this.shard), payload: writeEntry({ retire }) };
    return bus.append(entry).then(
      () => true,
      () => false,
    );
  }

  /** Whoever reads it there decides what it means: it may come twice, or from an owner replaced. */
  async #append(entry: LogEntry): Promise<void> {
    const { bus, names } = this.#parts;
    if (this.#isAppending || !this.isCaughtUp || this.#isStopped) return;
    this.#isAppending = true;
    try {
      await bus.append({ subject: names.ticks(this.shard), payload: writeEntry(entry) });
    } catch {
      // Another one follows.
    }
    this.#isAppending = false;
  }

  #nextPlace() {
    return { position: this.position, index: this.#index++ };
  }

  #start(): void {
    const { bus, names } = this.#parts;
    const { shard } = this;
    const from = this.position + 1;
    this.#reading = bus.read(names.tickLog(shard), names.tickFilters(shard), from, (message) =>
      this.#take(message),
    );
    if (this.isCaughtUp) {
      this.#serve();
      this.#rows.publish();
    }
    this.#idle?.start();
  }

  /** Until now, edges that asked were told at once that nobody answers, and ask again. */
  #serve(): void {
    const { bus, names } = this.#parts;
    this.#unsubscribe ??= bus.subscribe(names.query(this.shard), (question, _subject, reply) => {
      if (reply !== undefined) this.#rows.answer(question, reply);
    });
  }

  /** Says, to edges that hear it, what they should have. */
  beat(): void {
    if (this.isCaughtUp && !this.#isStopped) this.#rows.publish();
  }

  /**
   * Saves the state, if it has changed, once the outputs that it contains are out.
   *
   * @throws OutputsLateError; Error if the broker does not store it
   */
  async save(): Promise<void> {
    if (this.position === this.#snapshots.position || !this.isCaughtUp || this.#isStopped) return;
    const { position } = this;
    const { places } = this.#ticks;
    const rules = this.#rules;
    const { lives } = this.#partition;
    const states = Buffer.concat([...this.#partition.states()]);
    const snapshot = { ...places, position, rules, lives, states };
    if (await this.#snapshots.save(snapshot)) this.#parts.counts.snapshots++;
  }

  /**
   * Looks whether another owner has claimed the shard, and writes the outputs that wait. Returns
   * whether it is known that none has.
   */
  async confirm(): Promise<boolean> {
    let isOwn = false;
    await this.#unlessFenced(async () => {
      isOwn = await this.#outputs.confirm();
    });
    return isOwn;
  }

  stop(): void {
    this.#halt();
    this.#outputs.stop();
  }

  /** Ends all but the writing of outputs. */
  #halt(): void {
    this.#isStopped = true;
    this.#takeOver?.fail('given up before it served');
    this.#takeOver = undefined;
    this.#rows.stop();
    this.#idle?.stop();
    this.#reading?.stop();
    this.#unsubscribe?.();
  }

  async #take(message: ReadMessage): Promise<void> {
    if (this.#isStopped) return;
    this.lagMessages = message.followed;
    try {
      this.#fold(message);
    } catch (error) {
      await this.#failed(error);
      return;
    }
    if (this.#outputs.waiting > 0) {
      void this.#flushOutputs();
      // Without a broker that stores outputs there is no use in more of them.
      while (this.#outputs.waiting > OUTPUTS_MAX && !this.#isStopped) {
        await delay(WAIT_MS);
      }
    }
    if (!this.isCaughtUp || this.#isStopped) return;
    this.#serve();
    this.#rows.schedule();
  }

  #fold(message: ReadMessage): void {
    const { payload, sequence, subject } = message;
    this.position = sequence;
    this.#index = 0;
    if (subject !== this.#parts.names.ticks(this.shard)) this.#ticks.feed(message);
    else if (isSegments(payload)) this.#ticks.segments(message);
    else this.#foldEntry(readEntry(payload));
    const { truncated } = this.#partition;
    this.#parts.counts.truncatedPlaces += truncated - this.#truncated;
    this.#truncated = truncated;
  }

  #foldEntry({ clock, retire, rules }: LogEntry): void {
    if (clock !== undefined) this.#partition.advanceClock(clock);
    for (const retirement of retire ?? []) this.#retire(retirement);
    // Several owners may have written the same ones.
    if (rules === undefined || rules.number <= (this.#rules?.number ?? 0)) return;
    this.#rules = rules;
    this.#partition.adoptRules(rules.text, rules.since);
  }

  /** Ends a life; edges that were here before learn of it with the next rows. */
  #retire(retirement: Retirement): void {
    const { count, symbol } = retirement;
    const numbers = this.#partition.retire(retirement);
    this.#idle?.decided(retirement, numbers !== undefined);
    if (numbers === undefined) return;
    this.#parts.counts.retired++;
    if (!this.isCaughtUp) return;
    this.#rows.remove({ symbol, at: this.position, isIdle: count >= 0, ...numbers });
  }

  /** The state is not whole: neither it nor what comes from it may leave. */
  async #failed(error: unknown): Promise<void> {
    this.#halt();
    let cause = error;
    if (error instanceof TickError && error.isAt(this.#failedAt)) {
      const { place } = error;
      cause = await this.#outputs.skip(this.#skipped.with(place), place.position).then(
        () => error,
        (fenced: unknown) => fenced,
      );
    }
    if (!this.#outputs.isStopped) this.#end(cause);
  }

  #flushOutputs(): Promise<void> {
    return this.#unlessFenced(() => this.#outputs.flush());
  }

  async #unlessFenced(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#lose(error);
    }
  }

  #lose(error: unknown): void {
    if (!this.#isStopped) this.#end(error);
  }

  #end(error: unknown): void {
    if (error instanceof FencedError) this.#parts.counts.fenced++;
    this.stop();
    this.#parts.onLost(this.shard, error);
  }
}
