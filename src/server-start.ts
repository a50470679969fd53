import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { Audit, type Authenticator } from './access/index.ts';
import type { Cluster } from './cluster/index.ts';
import { ClusterRuleReload } from './cluster-rule-reload.ts';
import { partitionCount } from './config/processors.ts';
import type { Config } from './config/schema.ts';
import { tickwireVersion } from './config/version.ts';
import { fitConnections } from './descriptors.ts';
import { Engine, type ServedEngine, type StartRules } from './engine/index.ts';
import { logWorkerDeath, ruleFaultsLogger, timeReplacedLogger } from './engine-log.ts';
import {
  createGatewayContext,
  createMetrics,
  EarlyTransport,
  EventLoopDelay,
  Gateway,
  type GatewayContext,
  Health,
  PublisherRegistry,
  SecurityLog,
  type SessionFactory,
  TickJournal,
} from './gateway/index.ts';
import { type Assets, createRouter } from './http/index.ts';
import { diskSegments, Journal, TickHistory } from './journal/index.ts';
import type { Kafka } from './kafka/kafka.ts';
import { droppedLines } from './log.ts';
import {
  continueAlerts,
  findJournal,
  journalDirectory,
  planReplay,
  type RecoveredJournal,
  recoverJournal,
  rulesBefore,
  rulesWithin,
} from './recovery/index.ts';
import { type ReadRules, RuleReload, RuleSource, withoutRules } from './rule-reload.ts';
import { RuleSinks } from './rule-sinks.ts';
import { NO_RULES } from './rules/index.ts';
import type { Environment } from './sinks/index.ts';
import {
  NOTHING_RECOVERED,
  noSnapshots,
  type Recovered,
  recover,
  Snapshots,
  type Store,
} from './store/index.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

const HOUR_MS = 3_600_000;

/** The parts of a running server. */
export interface ServerParts {
  readonly context: GatewayContext;
  readonly gateway: Gateway;
  readonly journal: Journal | undefined;
  readonly snapshots: Snapshots | undefined;
  readonly rules: Pick<RuleReload, 'reload' | 'stop'> | undefined;
  readonly sinks: RuleSinks | undefined;
  readonly cluster: Cluster | undefined;
  readonly kafka: Kafka | undefined;
  readonly telemetry: Telemetry | undefined;
}

/** The parts that are made before a start. */
interface GivenParts {
  /** Undefined: clients need no token. */
  readonly authenticator: Authenticator | undefined;
  readonly store: Store | undefined;
  readonly cluster: Cluster | undefined;
  readonly kafka: Kafka | undefined;
  readonly telemetry: Telemetry | undefined;
}

/** What a start brought back. */
interface Recovery {
  readonly epoch: string;
  readonly engine: ServedEngine;
  readonly publishers: PublisherRegistry;
  /** Where the journal of this run begins. */
  readonly start: number;
  readonly replayedTicks: number;
  /** Whether what is on disk does not lead to this state: a snapshot has to come first. */
  readonly needsSnapshot: boolean;
}

/** A start: each step keeps what has to be undone if a later one fails. */
export class ServerStart {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #authenticator: Authenticator | undefined;
  readonly #store: Store | undefined;
  readonly #cluster: Cluster | undefined;
  readonly #kafka: Kafka | undefined;
  readonly #telemetry: Telemetry | undefined;
  readonly #health: Health;
  readonly #counters = noSnapshots();
  readonly #ruleSource: RuleSource | undefined = undefined;
  readonly #sinks: RuleSinks | undefined = undefined;
  #readRules: ReadRules | undefined;
  #engine: Engine | undefined;
  #early: EarlyTransport | undefined;
  #journal: Journal | undefined;
  #snapshots: Snapshots | undefined;

  constructor(config: Config, log: Logger, given: GivenParts, env: Environment) {
    const { authenticator, cluster, kafka, store, telemetry } = given;
    this.#config = config;
    this.#log = log;
    this.#authenticator = authenticator;
    this.#store = store;
    this.#cluster = cluster;
    this.#kafka = kafka;
    this.#telemetry = telemetry;
    this.#health = new Health(store);
    const { file } = config.rules;
    if (file === '') return;
    this.#ruleSource = new RuleSource(file, this.#health, log, env);
    if (cluster !== undefined) return;
    this.#sinks = new RuleSinks(config.store.directory || undefined, log);
  }

  async run(assets: Assets): Promise<ServerParts> {
    this.#readRules = this.#ruleSource?.read();
    const cluster = this.#cluster;
    const recovery = cluster === undefined ? await this.#recover() : membership(cluster);
    const { engine, publishers } = recovery;
    const journal = cluster?.journal ?? (await this.#openJournal(recovery));
    const eventLoop = new EventLoopDelay();
    const security = new SecurityLog(new Audit(this.#log));
    const context = createGatewayContext({
      config: fitToDescriptors(this.#config, this.#log),
      engine,
      log: this.#log,
      epoch: recovery.epoch,
      version: tickwireVersion(),
      store: this.#store,
      journal,
      publishers,
      cluster,
      kafka: this.#kafka,
      sinks: this.#sinks,
      snapshots: this.#counters,
      authenticator: this.#authenticator,
      security,
      securityCounts: security,
      droppedLogLines: () => droppedLines(this.#log),
      health: this.#health,
      eventLoop,
      tickHistory: this.#tickHistory(),
      telemetry: this.#telemetry,
      progress: this.#engine,
    });
    const rules = cluster === undefined ? this.#beginRules(context) : this.#clusterRules(cluster);
    this.#snapshots = this.#createSnapshots(context);
    if (recovery.needsSnapshot) await this.#snapshots?.take();
    this.#health.replayed = undefined;
    if (cluster !== undefined) {
      this.#health.clusterFault = () => cluster.fault();
      await cluster.start();
    }
    if (rules instanceof ClusterRuleReload) await rules.begin(this.#readRules);
    const metrics = createMetrics(context);
    this.#telemetry?.exportMetrics(metrics);
    const createHandler = (sessions: SessionFactory) =>
      createRouter(context, sessions, assets, metrics);
    const gateway = await Gateway.start(context, createHandler, this.#early?.handOver);
    if (recovery.replayedTicks > 0) this.#snapshots?.request();
    eventLoop.start();
    const kafka = this.#kafka;
    kafka?.attach(context);
    const written = { journal: this.#journal, snapshots: this.#snapshots };
    const telemetry = this.#telemetry;
    return { gateway, context, rules, sinks: this.#sinks, cluster, kafka, telemetry, ...written };
  }

  /** Puts the rule file into force. */
  #beginRules(context: GatewayContext): RuleReload | undefined {
    const source = this.#ruleSource;
    const sinks = this.#sinks;
    const { journal, scheduler } = context;
    const engine = this.#engine;
    if (engine?.rules === undefined) {
      // Those of the last run are not in force any more.
      if (journal !== undefined && journal.start > 0) journal.appendRules(NO_RULES, Date.now());
      return undefined;
    }
    sinks?.attach(context);
    const reload = new RuleReload({ source, engine, journal, scheduler, sinks, log: this.#log });
    reload.begin(source === undefined ? withoutRules() : this.#readRules);
    return reload;
  }

  #clusterRules(cluster: Cluster): ClusterRuleReload | undefined {
    const source = this.#ruleSource;
    const { rules } = cluster;
    return source && new ClusterRuleReload({ source, rules, log: this.#log });
  }

  /** A step failed. */
  async undo(): Promise<void> {
    this.#early?.close();
    await this.#sinks?.stop(0);
    await this.#kafka?.stopReading();
    await this.#kafka?.stop(0);
    this.#snapshots?.abandon();
    await this.#engine?.stop();
    await this.#journal?.close();
    await this.#store?.close();
    await this.#cluster?.stop();
    await this.#telemetry?.stop();
  }

  /** Brings back the state of the last run. */
  async #recover(): Promise<Recovery> {
    const { directory } = this.#config.store;
    const log = this.#log;
    const store = this.#store;
    const epoch = randomBytes(6).toString('base64url');
    if (store === undefined) {
      const engine = await this.#startEngine(NOTHING_RECOVERED);
      const publishers = new PublisherRegistry();
      return { epoch, engine, publishers, start: 0, replayedTicks: 0, needsSnapshot: false };
    }
    const found = findJournal(diskSegments(journalDirectory(directory)), log);
    const hasJournal = found.first < found.end;
    const recovered = await recover(store, log, this.#counters, hasJournal);
    const plan = planReplay(recovered, found);
    if (plan.replay !== undefined) {
      this.#health.replayed = 0;
      this.#early = await EarlyTransport.open(this.#config, log, this.#health);
    }
    const before = rulesBefore(recovered, plan);
    const engine = await this.#startEngine(recovered, before, rulesWithin(found, plan));
    const replayed: RecoveredJournal = await recoverJournal({
      engine,
      store,
      found,
      plan,
      recovered,
      log,
      tracing: this.#telemetry?.tracing,
      progress: (part) => {
        this.#health.replayed = part;
      },
    });
    this.#counters.replayedTicks = replayed.ticks;
    const isAhead = continueAlerts(engine, store);
    // What a version without a journal left is in none.
    const isOld =
      recovered.journal === undefined && (recovered.hasSnapshot || store.nextOrdinal > 0);
    return {
      epoch,
      engine,
      publishers: new PublisherRegistry(replayed.publishers),
      start: plan.start,
      replayedTicks: replayed.ticks,
      needsSnapshot: isAhead || replayed.isInexact || (isOld && plan.replay === undefined),
    };
  }

  /**
   * @param before rules in force where the state begins that is brought back
   * @param within those that come into force while it is
   */
  async #startEngine(
    recovered: Recovered,
    before?: string,
    within: readonly string[] = [],
  ): Promise<Engine> {
    const now = Date.now();
    const wasJudged = [before ?? NO_RULES, ...within].some((text) => text !== NO_RULES);
    // The state goes on with the rules that it had, until the file comes into force or, without
    // one, until none are.
    const without = wasJudged
      ? { text: before ?? NO_RULES, since: now, within, isEarlier: true }
      : undefined;
    const source = this.#ruleSource;
    const rules = source?.startRules(this.#readRules, before, within, now) ?? without;
    const engine = await startEngine(this.#config, this.#log, recovered, this.#health, rules);
    this.#engine = engine;
    for (const reason of engine.rules?.moduleFaults ?? []) {
      this.#log.warn({ reason }, 'rules of the last run lack a module: they judge nothing');
    }
    return engine;
  }

  async #openJournal({ epoch, publishers, start }: Recovery): Promise<TickJournal | undefined> {
    const store = this.#store;
    const engine = this.#engine;
    if (store === undefined || engine === undefined) return undefined;
    const { journal: config, processing, publish, store: stored } = this.#config;
    const ticks = new TickJournal(engine, publishers);
    // Where something waits for the disk, nothing passes it by.
    const mayGap =
      processing.overflow !== 'wait' &&
      publish.acknowledge === 'accepted' &&
      stored.mode === 'async';
    const journal = await Journal.open(
      {
        directory: journalDirectory(stored.directory),
        start,
        syncMs: config.syncMs,
        run: epoch,
        startedAt: Date.now(),
        partitions: engine.partitions,
        names: ticks.names,
        offered: ticks.offered,
        mayGap,
        retention: { ageMs: config.retentionHours * HOUR_MS, bytes: config.retentionBytes },
        claim: store.claim,
      },
      this.#log,
      {
        onLost: (error) => store.noteFailure(error),
        onGapEnd: () => this.#snapshots?.request(),
      },
    );
    this.#journal = journal;
    ticks.connect(journal);
    ticks.onInexact = () => this.#snapshots?.request();
    store.follow(journal);
    this.#health.journal = ticks;
    return ticks;
  }

  #tickHistory(): TickHistory | undefined {
    const journal = this.#journal;
    if (journal === undefined) return undefined;
    const { processing, store } = this.#config;
    const directory = journalDirectory(store.directory);
    return new TickHistory(directory, processing.maxFutureMs, journal);
  }

  #createSnapshots(context: GatewayContext): Snapshots | undefined {
    const { fanOut, publishers, store } = context;
    const engine = this.#engine;
    const journal = this.#journal;
    if (store === undefined || journal === undefined || engine === undefined) return undefined;
    return new Snapshots(
      {
        engine,
        store,
        journal,
        publishers: () => publishers.sequences(),
        takeRecords: (raised) => fanOut.takeRecords(raised),
        saved: (header) => {
          this.#health.snapshotFault = undefined;
          publishers.madeDurable(header.publishers);
        },
        failed: (reason) => {
          this.#health.snapshotFault = reason;
          publishers.notDurable();
        },
        intervalMs: this.#config.store.snapshotIntervalMs,
        log: this.#log,
        tracing: this.#telemetry?.tracing,
      },
      this.#counters,
    );
  }
}

/** A member of a cluster brings nothing back: what it serves is elsewhere. */
function membership({ engine, id, publishers }: Cluster): Recovery {
  return { epoch: id, engine, publishers, start: 0, replayedTicks: 0, needsSnapshot: false };
}

function fitToDescriptors(config: Config, log: Logger): Config {
  const { max, warning } = fitConnections(config.limits.connectionsMax);
  if (warning !== undefined) log.warn({ connectionsMax: max }, warning);
  return { ...config, limits: { ...config.limits, connectionsMax: max } };
}

async function startEngine(
  { processing, store }: Config,
  log: Logger,
  { symbols, takenAt, setAside }: Recovered,
  health: Health,
  rules: StartRules | undefined,
): Promise<Engine> {
  const partitions = partitionCount(processing.partitions);
  const overwrites = processing.overflow === 'dropOldest';
  const engine = await Engine.start(
    {
      ...processing,
      growBytes: processing.windowBytesMax,
      partitions,
      overwrites,
      captures: store.directory !== '',
      publishesMarked: store.directory !== '' && store.mode === 'sync',
      rules,
    },
    {
      workerRestarted: (partition, cause, tick) => {
        health.workerRestarted(partition);
        logWorkerDeath(log, partition, cause, tick);
      },
      symbolSetAside: setAside,
      timeReplaced: timeReplacedLogger(log),
      ruleFaults: ruleFaultsLogger(log),
    },
    symbols,
  );
  if (takenAt !== undefined) {
    const ageMs = Date.now() - takenAt;
    log.info({ symbols: engine.symbols.size, ageMs }, 'restored the last snapshot');
  }
  return engine;
}
