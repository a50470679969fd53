import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { type EndCause, RemoteEngine } from '../engine/index.ts';
import {
  type ClusterOverview,
  type ClusterReadings,
  DAY_MS,
  type GatewayLog,
  type PublisherClaim,
  PublisherRegistry,
} from '../gateway/index.ts';
import type { Bus, KeyValues } from './bus.ts';
import { ClusterRules } from './cluster-rules.ts';
import { writeEntry } from './log-entries.ts';
import { LogJournal } from './log-journal.ts';
import { Members, ownersAmong } from './members.ts';
import { ClusterNames, shardOf } from './names.ts';
import { openLogs } from './open-logs.ts';
import { OutputRecords } from './output-records.ts';
import { Overview } from './overview.ts';
import type { OwnedShard, ShardParts } from './owned-shard.ts';
import { Owner } from './owner.ts';
import { PublisherLedger } from './publisher-ledger.ts';
import { RowlessSymbols } from './rowless-symbols.ts';
import { agreeOnSettings } from './settings.ts';
import { shardLimits } from './shard-limits.ts';
import { ShardMirrors } from './shard-mirrors.ts';

/** Time for the last frames to be stored at a stop, ms. */
const STOP_MS = 3000;
const POLL_MS = 5;
/** Time for a symbol to be retired everywhere, ms. */
const RETIRE_MS = 5000;
/** Time for others to take shards over once they know that they are free, ms. */
const TAKE_OVER_MS = 300;
const HAND_OVER_MS_MAX = 3000;

const NOTHING_OWNED: ReadonlyMap<number, OwnedShard> = new Map();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a member tells besides its log, and what it can do for the others. */
export interface ClusterParts extends Pick<ShardParts, 'onRuleFaults' | 'tracing'> {
  /** Kinds of work of which one member at a time does a piece; see {@link Cluster.isOwn}. */
  readonly offers?: readonly string[] | undefined;
}

/**
 * This process as a member of a cluster. What the gateway needs of it is in the fields: its engine
 * mirrors all shards, its journal is their logs. As `owner` or `all`, it also owns some.
 */
export class Cluster {
  readonly engine: RemoteEngine;
  readonly journal: LogJournal;
  readonly publishers: PublisherRegistry;
  readonly rules: ClusterRules;
  /** Identifies this run. */
  readonly id: string;
  /** Whether a piece of work, which several members offer, is this one's. */
  readonly isOwn: (kind: string, piece: string) => boolean;
  /** What is raised, for such work. */
  readonly records: OutputRecords;
  readonly #bus: Bus;
  readonly #names: ClusterNames;
  readonly #log: GatewayLog;
  readonly #ledger: PublisherLedger;
  readonly #mirrors: ShardMirrors;
  readonly #rowless: RowlessSymbols;
  readonly #members: Members;
  readonly #owner: Owner | undefined;
  readonly #overview: Overview;
  readonly #leaseMs: number;
  readonly #handOverMs: number;
  #unsubscribe: () => void = () => undefined;

  private constructor(
    config: Config,
    bus: Bus,
    log: GatewayLog,
    names: ClusterNames,
    { ledger, members, settings }: Record<'ledger' | 'members' | 'settings', KeyValues>,
    { offers, onRuleFaults, tracing }: ClusterParts,
  ) {
    const { cluster, limits, processing, store } = config;
    const { leaseMs, role } = cluster;
    this.#leaseMs = leaseMs;
    this.#handOverMs = Math.min(HAND_OVER_MS_MAX, Members.lookMs(leaseMs) + TAKE_OVER_MS);
    this.id = randomBytes(9).toString('base64url');
    this.#bus = bus;
    this.#names = names;
    this.#log = log;
    this.engine = new RemoteEngine(processing.maxSymbols, processing.channelCapacity);
    this.publishers = new PublisherRegistry();
    this.#ledger = new PublisherLedger(this.id, ledger);
    this.#ledger.onLost = (name) => this.publishers.takenOver(name);
    this.journal = new LogJournal({
      bus,
      names,
      ledger: this.#ledger,
      edge: this.id,
      symbolName: (symbolId) => this.engine.symbols.name(symbolId),
      publisherName: (publisherId) => this.publishers.nameOf(publisherId),
    });
    this.publishers.follow(this.journal);
    this.#mirrors = new ShardMirrors(bus, names, this.engine, leaseMs);
    this.#rowless = new RowlessSymbols(this.engine, () => this.#mirrors.behind.shards === 0);
    const self = {
      role: role === 'none' ? 'edge' : role,
      since: Date.now(),
      offers,
    } as const;
    this.#members = new Members(members, this.id, self, leaseMs);
    this.isOwn = this.#members.isOwn;
    this.records = new OutputRecords({
      bus,
      names,
      member: this.id,
      isMember: (id) => this.#members.known.has(id),
      patienceMs: leaseMs,
    });
    this.#overview = new Overview({
      bus,
      names,
      id: this.id,
      members: () => this.#members.known,
      owned: () => this.#owner?.owned ?? NOTHING_OWNED,
    });
    this.rules = new ClusterRules(settings, log);
    this.#followRules();
    if (role === 'edge') return;
    const idleMs = limits.symbolIdleDays * DAY_MS;
    const owner = new Owner({
      bus,
      names,
      log,
      owner: this.id,
      shards: cluster.shards,
      snapshotMs: store.snapshotIntervalMs,
      settings: shardLimits(config),
      idle: idleMs === 0 ? undefined : { idleMs, log },
      tracing,
      onRuleFaults,
    });
    this.#owner = owner;
    this.#members.onLook = (known) => owner.assign(known);
    this.#members.onLapse = owner.doubtAll;
  }

  /**
   * Joins a cluster, or begins it.
   *
   * @throws Error if the broker does not answer, or the cluster has other settings
   */
  static async join(
    config: Config,
    bus: Bus,
    log: GatewayLog,
    parts: ClusterParts = {},
  ): Promise<Cluster> {
    const { leaseMs, name, shards } = config.cluster;
    const names = new ClusterNames(name, shards);
    const settings = await bus.openKeys(names.keys('settings'), 0);
    await agreeOnSettings(config, settings);
    await openLogs(bus, names);
    const ledger = await bus.openKeys(names.keys('ledger'), 0);
    const members = await bus.openKeys(names.keys('members'), leaseMs);
    return new Cluster(config, bus, log, names, { ledger, members, settings }, parts);
  }

  /** Observes what comes from others: new symbols, and lives that are over. */
  observe(observer: {
    symbolAppeared(symbolId: number, name: string): void;
    lifeEnded(symbolId: number, cause: EndCause): void;
  }): void {
    this.engine.onSymbol = (symbolId, name) => observer.symbolAppeared(symbolId, name);
    this.engine.onLifeEnded = (symbolId, cause) => observer.lifeEnded(symbolId, cause);
  }

  /** Takes part, once the gateway's parts are connected. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#bus.subscribe(this.#names.publishers, (payload) => {
      const { edge, name } = JSON.parse(decoder.decode(payload)) as PublisherSeen;
      if (edge !== this.id) this.publishers.takenOver(name);
    });
    this.#overview.start();
    await this.rules.start();
    await this.#members.join();
    await this.#mirrors.start();
    this.#rowless.start();
    const { id } = this;
    this.#log.info({ member: id, members: this.#members.known.size }, 'joined the cluster');
  }

  #followRules(): void {
    const { mirroredRules } = this.engine;
    this.rules.onChange = (rules) => {
      if (this.#owner !== undefined) this.#owner.rules = rules;
      mirroredRules.change(rules);
    };
    mirroredRules.suppressed = ({ kind, name }) => {
      const owned = [...(this.#owner?.owned.values() ?? [])];
      return owned.reduce((total, shard) => total + shard.suppressed(name, kind), 0);
    };
  }

  /** Claims a publisher's name for a connection here; see `PublisherClaim`. */
  readonly claim = async (name: string): Promise<PublisherClaim> => {
    const claimed = await this.#ledger.claim(name);
    if (!claimed.isContinued) {
      this.journal.forget(name);
      const seen: PublisherSeen = { edge: this.id, name };
      this.#bus.publish(this.#names.publishers, encoder.encode(JSON.stringify(seen)));
    }
    return claimed;
  };

  /**
   * Has a symbol retired everywhere, behind all ticks that were accepted here before. Resolves to
   * true once its life is over here, too; to false if that takes longer than usual.
   */
  readonly retire = async (symbolId: number): Promise<boolean> => {
    const { statistics, symbols } = this.engine;
    const symbol = symbols.name(symbolId);
    const wireId = symbols.wireId(symbolId);
    const shard = shardOf(symbol, this.#names.shards);
    const since = this.#mirrors.lifeOf(shard, symbolId);
    const deadline = performance.now() + RETIRE_MS;
    const isInTime = () => performance.now() < deadline;
    if (since !== undefined) {
      const { position } = this.journal;
      while (this.journal.syncedPosition < position && isInTime()) await delay(POLL_MS);
      const payload = writeEntry({ retire: [{ symbol, since, count: -1 }] });
      const entry = { subject: this.#names.ticks(shard), payload };
      // It may be there twice: a later life stays.
      const isLogged = () => this.#bus.append(entry).then(Boolean, () => false);
      while (!(await isLogged()) && isInTime()) await delay(POLL_MS);
    } else if (!statistics.hasTicks(symbolId)) this.engine.endLife(symbolId, 'operator');
    const isThere = () => symbols.names[symbolId] === symbol && symbols.wireId(symbolId) === wireId;
    while (isThere() && isInTime()) await delay(POLL_MS);
    return !isThere();
  };

  /** Why clients do not get the present state; undefined if they do. */
  fault(): string | undefined {
    if (!this.#bus.isConnected) return 'there is no connection to the cluster (cluster.servers)';
    const { fault = 'no answer', unrenewedMs, unseenMs } = this.#members;
    if (unrenewedMs > this.#leaseMs) {
      return `too few brokers answer: nothing was stored for ${seconds(unrenewedMs)} s`;
    }
    if (unseenMs > this.#leaseMs) {
      const since = `for ${seconds(unseenMs)} s`;
      return `the brokers have not said who is in the cluster ${since}: ${fault}`;
    }
    const { shards, silentMs } = this.#mirrors.behind;
    if (shards === 0) return undefined;
    const since = `for up to ${seconds(silentMs)} s`;
    return `${shards} of ${this.#names.shards} shards have had no owner, or are not here, ${since}`;
  }

  /** For metrics. */
  readonly readings = (): ClusterReadings => {
    const mirrors = this.#mirrors;
    const owner = this.#owner;
    return {
      members: this.#members.known.size,
      membershipFailures: this.#members.failures,
      isConnected: this.#bus.isConnected,
      shardsBehind: mirrors.behind.shards,
      mirror: mirrors.counts,
      log: this.journal.counts,
      waitingTicks: this.journal.waitingTicks,
      refusedSettlements: this.#ledger.refused,
      owned: owner?.owned ?? NOTHING_OWNED,
      owner: owner?.counts,
    };
  };

  /** Asks all members. */
  readonly overview = (): Promise<ClusterOverview> => this.#overview.read();

  /** Hands its shards over and leaves. */
  async stop(): Promise<void> {
    const deadline = performance.now() + STOP_MS;
    while (this.journal.syncedPosition < this.journal.position && performance.now() < deadline) {
      await delay(POLL_MS);
    }
    this.journal.stop();
    this.#ledger.stop();
    this.rules.stop();
    this.#unsubscribe();
    this.#mirrors.stop();
    this.#rowless.stop();
    this.#overview.stop();
    await this.#owner?.retire();
    const hasSuccessors = ownersAmong(this.#members.known).some((id) => id !== this.id);
    await this.#members.leave().catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the others learn of the stop by the end of the lease');
    });
    // They take the shards over meanwhile, so that these do not stand still.
    if (this.#owner !== undefined && hasSuccessors) await delay(this.#handOverMs);
    this.#owner?.stop();
    await this.#bus.close();
  }
}

/** Says that a publisher has connected somewhere. */
interface PublisherSeen {
  readonly edge: string;
  readonly name: string;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
