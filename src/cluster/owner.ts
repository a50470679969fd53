import type { GatewayLog } from '../gateway/index.ts';
import { during } from '../telemetry/tracing.ts';
import { FeedFigures } from './feed-figures.ts';
import type { RulesEntry } from './log-entries.ts';
import { type Member, ownerOf, ownersAmong } from './members.ts';
import { readClaimant } from './output-writer.ts';
import { OwnedShard, type ShardParts } from './owned-shard.ts';
import { type OwnerCounts, zeroCounts } from './owner-counts.ts';
import { TickError, type TickPlace } from './skipped-ticks.ts';
import { OutputsLateError } from './snapshot-writer.ts';

/** Shards adopted at a time. */
const ADOPTED_MAX = 16;
/** Interval of beats and of looks for snapshots to take, ms. */
const BEAT_MS = 1000;
/** Interval of readings of the clock, for what ends by time, ms. */
const CLOCK_MS = 250;
/** Beats at which a shard is looked at that another owner may have claimed: a claim takes time. */
const DOUBT_BEATS = 3;
/** Wait before a shard that could not be adopted is tried again, ms. */
const RETRY_MS = 500;

export interface OwnerOptions extends Omit<ShardParts, 'onLost' | 'counts'> {
  readonly shards: number;
  readonly log: GatewayLog;
  /** Time between two snapshots of a shard, ms; 0: only when it is handed over. */
  readonly snapshotMs: number;
}

/** The shards that this process owns: those that the members say are its. */
export class Owner {
  readonly counts: OwnerCounts;
  readonly #options: OwnerOptions;
  readonly #parts: ShardParts;
  readonly #owned = new Map<number, OwnedShard>();
  /** Shards that are to be owned here. */
  #assigned = new Set<number>();
  readonly #adopting = new Set<number>();
  /** That are to be in force; undefined: none. */
  rules: RulesEntry | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #clock: NodeJS.Timeout;
  /** Shards that another owner may have claimed, with how many looks at them are left. */
  readonly #doubted = new Map<number, number>();
  readonly #unsubscribe: () => void;
  /** By shard: the last tick that could not be applied. */
  readonly #failedAt = new Map<number, TickPlace>();
  readonly #savedAt = new Map<number, number>();
  #isSaving = false;
  #isStopped = false;

  constructor(options: OwnerOptions) {
    this.#options = options;
    this.counts = zeroCounts(new FeedFigures(options.log));
    this.#parts = { ...options, counts: this.counts, onLost: this.#lost };
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#timer.unref();
    this.#clock = setInterval(() => this.#tellTime(), CLOCK_MS).unref();
    const { bus, names, owner } = options;
    this.#unsubscribe = bus.subscribe(names.claims, (payload, subject) => {
      if (readClaimant(payload) !== owner) this.#doubt(names.claimedShard(subject));
    });
  }

  /** Shards owned, those being taken over included. */
  get owned(): ReadonlyMap<number, OwnedShard> {
    return this.#owned;
  }

  /** Shards that are to be owned and do not serve yet. */
  get behind(): number {
    let behind = 0;
    for (const shard of this.#assigned) {
      if (this.#owned.get(shard)?.isCaughtUp !== true) behind++;
    }
    return behind;
  }

  /** Takes over what is its, gives up what is not. */
  assign(members: ReadonlyMap<string, Member>): void {
    if (this.#isStopped) return;
    const owners = ownersAmong(members);
    const { owner, shards } = this.#options;
    const assigned = new Set<number>();
    for (let shard = 0; shard < shards; shard++) {
      if (ownerOf(shard, owners) === owner) assigned.add(shard);
    }
    this.#assigned = assigned;
    for (const [shard, owned] of this.#owned) {
      if (!assigned.has(shard)) this.#release(shard, owned);
    }
    this.#adoptNext();
  }

  /** Others may have claimed what is owned here, and given it back. */
  readonly doubtAll = (): void => {
    for (const shard of this.#owned.keys()) this.#doubt(shard);
  };

  /** Takes over no more, and saves all shards; it serves them until {@link stop}. */
  async retire(): Promise<void> {
    this.#isStopped = true;
    this.#assigned = new Set();
    const attributes = { 'tickwire.shards': this.#owned.size };
    const span = this.#options.tracing?.start('shards hand-over', { attributes });
    await during(span, async () => {
      for (const [shard, owned] of this.#owned) {
        // Each of the others would wait as long.
        if ((await this.#save(shard, owned)) === 'late') break;
      }
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    clearInterval(this.#clock);
    this.#unsubscribe();
    for (const owned of this.#owned.values()) owned.stop();
    this.#owned.clear();
  }

  /** The next owner has claimed it, or will. */
  #release(shard: number, owned: OwnedShard): void {
    this.#owned.delete(shard);
    owned.stop();
  }

  #adoptNext(): void {
    for (const shard of this.#assigned) {
      if (this.#adopting.size >= ADOPTED_MAX) return;
      if (!this.#owned.has(shard) && !this.#adopting.has(shard)) void this.#adopt(shard);
    }
  }

  async #adopt(shard: number): Promise<void> {
    this.#adopting.add(shard);
    try {
      const owned = await OwnedShard.adopt(this.#parts, shard, this.#failedAt.get(shard));
      if (this.#assigned.has(shard)) this.#owned.set(shard, owned);
      else owned.stop();
    } catch (error) {
      this.#options.log.error({ err: error, shard }, 'a shard was not taken over');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#adopting.delete(shard);
    this.#adoptNext();
  }

  readonly #lost = (shard: number, error: unknown): void => {
    const { log } = this.#options;
    this.#owned.delete(shard);
    if (error instanceof TickError) {
      this.#failed(shard, error);
      return;
    }
    // Until the members say again that it is this one's: two that took it from each other by turns
    // would serve nobody.
    this.#assigned.delete(shard);
    const reason = error instanceof Error ? error.message : String(error);
    if (!this.#isStopped) log.warn({ shard, reason }, 'this process no longer owns a shard');
  };

  /** The next beat takes the shard over again. */
  #failed(shard: number, error: TickError): void {
    const { cause, place, price, symbol, time } = error;
    const isAgain = error.isAt(this.#failedAt.get(shard));
    this.#failedAt.set(shard, place);
    const message = { err: cause, shard, symbol, price, time, ...place };
    const { log } = this.#options;
    if (isAgain) log.error(message, 'a tick that cannot be applied is left out from now on');
    else log.warn(message, 'a tick could not be applied: its shard is read anew');
  }

  /** A shard without outputs writes nothing, and would not be told that it was replaced. */
  #doubt(shard: number): void {
    if (this.#owned.has(shard)) this.#doubted.set(shard, DOUBT_BEATS);
  }

  #tellTime(): void {
    const { rules } = this;
    const now = Date.now();
    for (const owned of this.#owned.values()) {
      if (rules !== undefined) owned.wantRules(rules);
      owned.tellTime(now);
    }
  }

  #beat(): void {
    for (const owned of this.#owned.values()) owned.beat();
    for (const [shard, looks] of this.#doubted) {
      void this.#owned.get(shard)?.confirm();
      if (looks > 1) this.#doubted.set(shard, looks - 1);
      else this.#doubted.delete(shard);
    }
    if (this.#isStopped) return;
    this.#adoptNext();
    void this.#saveDue();
  }

  async #saveDue(): Promise<void> {
    const { snapshotMs } = this.#options;
    if (snapshotMs === 0 || this.#isSaving) return;
    this.#isSaving = true;
    for (const [shard, owned] of this.#owned) {
      const now = performance.now();
      const savedAt = this.#savedAt.get(shard) ?? Number.NEGATIVE_INFINITY;
      if (now - savedAt < snapshotMs) continue;
      this.#savedAt.set(shard, now);
      await this.#save(shard, owned);
    }
    this.#isSaving = false;
  }

  async #save(shard: number, owned: OwnedShard): Promise<'late' | undefined> {
    try {
      await owned.save();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ shard, reason }, 'a snapshot was not saved');
      if (error instanceof OutputsLateError) return 'late';
    }
    return undefined;
  }
}
