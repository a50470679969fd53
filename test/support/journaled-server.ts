import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANONYMOUS } from '../../src/access/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Doorbell, Engine, partitionOf, symbolHash } from '../../src/engine/index.ts';
import { ROW_VALUES } from '../../src/engine/memory/statistics-table.ts';
import {
  createGatewayContext,
  EventLoopDelay,
  type GatewayContext,
  Health,
  PublisherRegistry,
  TickJournal,
  UNWATCHED,
} from '../../src/gateway/index.ts';
import { PublishScope } from '../../src/gateway/ingest/publish-scope.ts';
import type { Publisher } from '../../src/gateway/ingest/publisher-registry.ts';
import { ServerClock } from '../../src/gateway/ingest/server-clock.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Journal, type StartJournalWriter } from '../../src/journal/index.ts';
import { RingConsumer } from '../../src/journal/journal-ring.ts';
import { SegmentWriter } from '../../src/journal/segment-writer.ts';
import { TickBatch } from '../../src/protocol/index.ts';
import {
  continueAlerts,
  findJournal,
  planReplay,
  recoverJournal,
  rulesBefore,
  rulesWithin,
} from '../../src/recovery/index.ts';
import { RuleReload, RuleSource } from '../../src/rule-reload.ts';
import { NO_RULES } from '../../src/rules/index.ts';
import { noSnapshots, recover, Snapshots } from '../../src/store/index.ts';
import type { Statistics } from '../../testkit/independent/statistics.ts';
import { InlineWorkers } from './inline-workers.ts';
import { type MemoryDisk, SMALL } from './journal-rig.ts';
import { MemoryStore, type MemoryStoreDisk } from './memory-store.ts';
import { statisticsOfRow } from './partition-rig.ts';

const LOG = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields: object, message: string) => {
    throw new Error(`${message} ${JSON.stringify(fields)}`);
  },
};

/** Nobody hears what a journal says of its disk once its process is gone. */
class MortalLog {
  isOver = false;

  info(): void {}

  warn(): void {}

  error(fields: object, message: string): void {
    if (!this.isOver) LOG.error(fields, message);
  }
}

const encoder = new TextEncoder();

export const RULES = {
  movingAverageWindow: 4,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 100,
  maxFutureMs: 50,
};

export interface JournaledServerOptions {
  readonly partitions: number;
  readonly overflow: 'dropOldest' | 'wait';
  /** Where journal and store are; both survive the server. */
  readonly disk: MemoryDisk;
  readonly store: MemoryStoreDisk;
  /** A folder that exists. */
  readonly directory: string;
  /** Absent: {@link RULES}. */
  readonly rules?: typeof RULES | undefined;
  /** A rule file; absent: the server has none. */
  readonly ruleFile?: object | undefined;
}

/** The same, with ticks that wait for earlier ones. */
export const WAITING_RULES = {
  ...RULES,
  allowedLatenessMs: 25,
  reorderTicks: 4,
  lateTicks: 'fold' as const,
};

/** A tick of a frame. */
export interface FrameTick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
}

export function partitionOfName(name: string, partitions: number): number {
  const bytes = encoder.encode(name);
  return partitionOf(symbolHash(bytes, 0, bytes.length), partitions);
}

/** A server from intake to journal and store, without sockets, threads and files. */
export class JournaledServer {
  readonly context: GatewayContext;
  readonly journal: Journal;
  readonly store: MemoryStore;
  readonly replayedTicks: number;
  /** Where this run begins in the journal: what is before it was on disk. */
  readonly start: number;
  readonly #engine: Engine;
  readonly #workers: InlineWorkers;
  readonly #snapshots: Snapshots;
  readonly #batch = new TickBatch();
  readonly #scope: PublishScope;
  readonly #publishers = new Map<string, Publisher>();
  readonly #stopWriter: () => void;
  readonly #reload: RuleReload | undefined;
  readonly #log: MortalLog;
  readonly #directory: string;

  private constructor(
    engine: Engine,
    context: GatewayContext,
    journal: Journal,
    store: MemoryStore,
    workers: InlineWorkers,
    stopWriter: () => void,
    replayedTicks: number,
    start: number,
    directory: string,
    reload: RuleReload | undefined,
    log: MortalLog,
  ) {
    this.#log = log;
    this.#directory = directory;
    this.#reload = reload;
    this.context = context;
    this.journal = journal;
    this.store = store;
    this.replayedTicks = replayedTicks;
    this.start = start;
    this.#workers = workers;
    this.#stopWriter = stopWriter;
    this.#scope = new PublishScope(new Client(ANONYMOUS, '::1'), context.quota, UNWATCHED);
    this.#engine = engine;
    const { fanOut, publishers } = context;
    this.#snapshots = new Snapshots(
      {
        engine,
        store,
        journal: {
          get position() {
            return journal.position;
          },
          get syncedPosition() {
            return journal.syncedPosition;
          },
          fault: undefined,
          whenSynced: (position) => journal.whenSynced(position),
          retain: () => undefined,
        },
        publishers: () => publishers.sequences(),
        takeRecords: (raised) => fanOut.takeRecords(raised),
        saved: () => undefined,
        failed: (reason) => {
          throw new Error(reason);
        },
        intervalMs: 0,
        log: LOG,
      },
      noSnapshots(),
    );
  }

  /** Starts as `server.ts` does. */
  static async start(options: JournaledServerOptions): Promise<JournaledServer> {
    const { directory, disk, overflow, partitions, ruleFile, rules = RULES } = options;
    const config = parseConfig({
      processing: { ...rules, partitions, overflow, channelCapacity: 16, maxSymbols: 64 },
    });
    const store = new MemoryStore(options.store);
    const found = findJournal(disk, LOG);
    const recovered = await recover(store, LOG, noSnapshots(), found.first < found.end);
    const plan = planReplay(recovered, found);
    const workers = new InlineWorkers();
    const health = new Health(store);
    const source = ruleFile && new RuleSource(writeRules(directory, ruleFile), health, LOG, {});
    const read = source?.read();
    const [before, within] = [rulesBefore(recovered, plan), rulesWithin(found, plan)];
    const overwrites = overflow === 'dropOldest';
    const engine = await Engine.start(
      {
        ...config.processing,
        partitions,
        overwrites,
        captures: true,
        growBytes: 1 << 18,
        spawn: workers.spawn,
        rules: source?.startRules(read, before, within, 0),
      },
      {
        workerRestarted: (_, cause) => {
          throw cause;
        },
      },
      recovered.symbols,
    );
    const progress = () => undefined;
    const parts = { engine, store, found, plan, recovered, log: LOG, progress };
    const replayed = await recoverJournal(parts);
    if (replayed.isInexact) throw new Error('the replay is inexact');
    const isAhead = continueAlerts(engine, store);
    const publishers = new PublisherRegistry(replayed.publishers);
    const ticks = new TickJournal(engine, publishers);
    let stopWriter: () => void = () => undefined;
    const log = new MortalLog();
    const journal = await Journal.open(
      {
        ...SMALL,
        directory,
        start: plan.start,
        syncMs: 0,
        run: `from ${plan.start}`,
        startedAt: 1,
        partitions,
        names: ticks.names,
        offered: ticks.offered,
        mayGap: false,
        retention: { ageMs: 0, bytes: 0 },
        // The journal of a server that was killed stays in this process, with its watch.
        stalledMs: 1e9,
      },
      log,
      { onLost: () => undefined, onGapEnd: () => undefined },
      inlineWriter(disk, (stop) => {
        stopWriter = stop;
      }),
    );
    ticks.connect(journal);
    store.follow(journal);
    const context = createGatewayContext({
      config,
      engine,
      log: LOG,
      epoch: 'test',
      version: 'test',
      store,
      journal: ticks,
      publishers,
      snapshots: noSnapshots(),
      authenticator: undefined,
      security: UNWATCHED,
      securityCounts: undefined,
      droppedLogLines: () => 0,
      health,
      eventLoop: new EventLoopDelay(),
    });
    const { scheduler } = context;
    const sinks = { configure: () => undefined };
    const reload =
      source && new RuleReload({ source, engine, journal: ticks, sinks, scheduler, log: LOG });
    if (reload !== undefined) reload.begin(read);
    else if (ticks.start > 0) ticks.appendRules(NO_RULES, Date.now());
    const server = new JournaledServer(
      engine,
      context,
      journal,
      store,
      workers,
      stopWriter,
      replayed.ticks,
      plan.start,
      directory,
      reload,
      log,
    );
    if (isAhead) await server.snapshot();
    return server;
  }

  /** Has another rule file come into force, as a SIGHUP does. */
  changeRules(ruleFile: object): void {
    writeRules(this.#directory, ruleFile);
    this.#reload?.reload();
  }

  /** Takes a frame of a named publisher; false if it is refused for now. */
  frame(publisher: string, ticks: readonly FrameTick[], now: number, isPublished = true): boolean {
    const { engine, intake, publishers } = this.context;
    const known = this.#publishers.get(publisher) ?? publishers.enter(publisher, true);
    this.#publishers.set(publisher, known);
    this.#batch.start(known.sequence + 1, ticks.length);
    for (const { symbol, price, time } of ticks) this.#batch.addValues(symbol, price, time);
    const isTaken = intake.take(this.#batch, undefined, now, 1, this.#scope, known.id);
    if (isTaken) known.sequence++;
    if (isPublished) engine.publishTicks();
    return isTaken;
  }

  /** Reads the clock, ms since the epoch, if the engine wants it. */
  clock(now: number): void {
    new ServerClock(this.context).read(now);
  }

  /** Asks for the retirement of a symbol, if it exists; does not wait. */
  retire(symbol: string, count: number): void {
    const { engine, retirement } = this.context;
    const symbolId = engine.symbols.findName(symbol);
    if (symbolId < 0 || engine.symbols.tickId(symbolId) < 0) return;
    void retirement.retire(symbolId, 'idle', count);
  }

  /** Ticks that a symbol has; -1 if it is unknown. */
  countOf(symbol: string): number {
    return this.statistics(symbol)?.count ?? -1;
  }

  async snapshot(): Promise<void> {
    await this.#snapshots.take();
  }

  /** Lets everything that was begun come to its end. */
  async settle(): Promise<void> {
    const { fanOut } = this.context;
    const engine = this.#engine;
    engine.publishTicks();
    do {
      await new Promise((resolve) => setTimeout(resolve, 1));
      fanOut.run();
    } while (engine.isApplying() || engine.hasAnomalies() || engine.hasAlerts());
  }

  statistics(symbol: string): Statistics | undefined {
    const { statistics, symbols } = this.context.engine;
    const symbolId = symbols.findName(symbol);
    if (symbolId < 0) return undefined;
    const row = new Float64Array(ROW_VALUES);
    statistics.read(symbolId, row, 0);
    return statisticsOfRow(row);
  }

  /** The process is gone. */
  kill(): void {
    this.#log.isOver = true;
    this.#reload?.stop();
    this.#workers.kill();
    this.#stopWriter();
    this.#snapshots.abandon();
    this.context.scheduler.stop();
    this.context.retirement.stop();
  }
}

/** Returns the path of the file. */
function writeRules(directory: string, ruleFile: object): string {
  const path = join(directory, 'rules.json');
  writeFileSync(path, JSON.stringify(ruleFile));
  return path;
}

/** Writes the ring on the test's thread. */
function inlineWriter(disk: MemoryDisk, onStart: (stop: () => void) => void): StartJournalWriter {
  return (data) => {
    const writer = new SegmentWriter(
      new RingConsumer(data.ring, data.start, data.synced),
      disk,
      data.options,
    );
    const doorbell = new Doorbell(data.doorbell);
    const step = () => {
      writer.step(performance.now(), true);
      doorbell.ring();
    };
    const timer = setInterval(step, 1);
    const stop = () => clearInterval(timer);
    onStart(stop);
    return {
      retain: (from) => writer.retain(from),
      close: () => {
        stop();
        step();
        writer.close();
        return Promise.resolve();
      },
    };
  };
}
