import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Clock } from './clock.ts';
import { CsvSource } from './csv-source.ts';
import { type EventLoopDelay, EventLoopWatch } from './event-loop.ts';
import { checkAccess, type ServerStatistics, settledStatistics } from './http-api.ts';
import { Latency } from './latency.ts';
import type { LedgerEntry } from './ledger.ts';
import type { LoadOptions } from './load-options.ts';
import { planSubscribers } from './load-subscriber.ts';
import { describeMachine, type Machine } from './machine.ts';
import { Market } from './market.ts';
import { OwnServer, splitFlags } from './own-server.ts';
import { type ProcessUsage, ProcessWatch } from './process-usage.ts';
import { ProgressDisplay } from './progress.ts';
import { Publishers, type PublishResult } from './publishers.ts';
import { findFailures, type Report, serverReport, sumDelivery } from './report.ts';
import type { GroupResult } from './subscriber-group.ts';
import { type GroupHost, LocalGroup, ProcessGroup } from './subscriber-host.ts';

const PROGRESS_MS = 500;

/**
 * Runs a load: starts a server if asked for, subscribers, publishers; then everything stops, drains
 * and is checked.
 *
 * @param signal ends the run early; it is reported like any other
 * @throws Error when the run cannot begin or a part of it dies; what was found about the server is
 *   in the report
 */
export async function runScenario(
  options: LoadOptions,
  commandLine: string,
  signal: AbortSignal,
): Promise<Report> {
  const clock = new Clock();
  const source = await openSource(options, clock);
  const flags = options.spawnServer;
  const server = flags === undefined ? undefined : await OwnServer.start(splitFlags(flags));
  const groups = openGroups(options);
  try {
    const scenario = new Scenario(options, clock, source, server, groups);
    return await scenario.run(commandLine, signal);
  } catch (error) {
    if (server?.exit === undefined) throw error;
    const { message } = error as Error;
    throw new Error(`${message}; the server ended with ${server.exit}:\n${server.output}`);
  } finally {
    for (const group of groups) group.stop();
    await server?.stop();
  }
}

async function openSource(options: LoadOptions, clock: Clock): Promise<Market | CsvSource> {
  const { csv, symbols, seed, rate, zipf, jumpProbability } = options;
  if (csv === undefined) {
    return new Market({ symbols, seed, rate, zipfExponent: zipf, jumpProbability }, clock);
  }
  const source = new CsvSource({ ...options, file: csv });
  await source.preview();
  return source;
}

function openGroups({ subscribers, subscriberProcesses }: LoadOptions): GroupHost[] {
  if (subscribers === 0) return [];
  if (subscriberProcesses === 0) return [new LocalGroup()];
  const processes = Math.min(subscribers, subscriberProcesses);
  return Array.from({ length: processes }, () => new ProcessGroup());
}

/** One run, step by step. */
class Scenario {
  readonly #options: LoadOptions;
  readonly #clock: Clock;
  readonly #source: Market | CsvSource;
  readonly #server: OwnServer | undefined;
  readonly #groups: readonly GroupHost[];
  readonly #url: string;
  readonly #publishers: Publishers;
  readonly #eventLoop = new EventLoopWatch();

  constructor(
    options: LoadOptions,
    clock: Clock,
    source: Market | CsvSource,
    server: OwnServer | undefined,
    groups: readonly GroupHost[],
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#source = source;
    this.#server = server;
    this.#groups = groups;
    this.#url = server?.url ?? options.url;
    const { token, encoding, publishers, frame: frameTicks } = options;
    const [durationMs, warmUpMs] = [options.duration * 1000, options.warmUp * 1000];
    const isPaced = Number.isFinite(options.csv === undefined ? options.rate : options.speed);
    const runId = randomBytes(4).toString('hex');
    this.#publishers = new Publishers(
      {
        url: this.#url,
        token,
        encoding,
        publishers,
        frameTicks,
        runId,
        durationMs,
        warmUpMs,
        isPaced,
      },
      source,
      clock,
    );
  }

  async run(commandLine: string, signal: AbortSignal): Promise<Report> {
    const machine = describeMachine();
    await checkAccess(this.#url, this.#options.token);
    await this.#startSubscribers();
    await this.#publishers.connect(
      this.#source instanceof Market ? this.#source.weights : undefined,
    );
    const pid = this.#server?.pid ?? this.#options.serverPid;
    const watch = pid === undefined ? undefined : new ProcessWatch(pid);
    watch?.start();
    const startMs = this.#clock.now();
    const measureFromMs = startMs + this.#options.warmUp * 1000;
    await Promise.all(this.#groups.map((group) => group.measure(measureFromMs)));
    this.#eventLoop.restart();
    const publish = await this.#publish(startMs, signal);
    const delay = this.#eventLoop.summary();
    this.#eventLoop.stop();
    const usage = watch?.stop();
    const statistics = await settledStatistics(this.#url, this.#options.token);
    const published = this.#expectation(publish, statistics);
    const results = await Promise.all(this.#groups.map((group) => group.finish(published)));
    return this.#report({ machine, commandLine, publish, usage, statistics, results, delay });
  }

  async #startSubscribers(): Promise<void> {
    const { seed, subscribers, subscriptions, wildcard, slow, encoding } = this.#options;
    const plans = planSubscribers(
      { seed, subscribers, subscriptions, wildcards: wildcard, slow },
      this.#source.symbols,
    );
    const { token, conflateMs } = this.#options;
    const starts = this.#groups.map((group, i) =>
      group.start({
        url: this.#url,
        token,
        encoding,
        conflateMs,
        anchor: this.#clock.anchor,
        isLive: this.#source.isLive,
        plans: plans.filter(({ index }) => index % this.#groups.length === i),
      }),
    );
    await Promise.all(starts);
  }

  async #publish(startMs: number, signal: AbortSignal): Promise<PublishResult> {
    const display = new ProgressDisplay(this.#options.duration * 1000);
    const ended = new AbortController();
    const reporting = this.#showProgress(display, startMs, ended.signal);
    try {
      return await this.#publishers.run(startMs, signal);
    } finally {
      ended.abort();
      await reporting;
      display.stop();
    }
  }

  async #showProgress(
    display: ProgressDisplay,
    startMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const progresses = await Promise.all(this.#groups.map((group) => group.progress()));
      const entries = progresses.reduce((sum, progress) => sum + progress.entries, 0);
      const { sent } = this.#publishers.totals;
      display.update(this.#clock.now() - startMs, { sent, entries });
      await sleep(PROGRESS_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * What every mirror must hold in the end; undefined where that is not known, as something may
   * have been dropped.
   */
  #expectation(
    publish: PublishResult,
    statistics: ServerStatistics | undefined,
  ): readonly LedgerEntry[] | undefined {
    const { rejected, dropped, unacknowledged } = publish;
    const isFresh = this.#server !== undefined;
    if (rejected + dropped + unacknowledged > 0) return undefined;
    if (this.#publishers.overflow !== 'wait' && statistics?.totalDropped !== 0) return undefined;
    const entries = this.#publishers.ledger.entries(this.#source.symbols);
    if (isFresh) return entries;
    // Others published before: counts go on from theirs, and only live ticks are surely the newest.
    if (!this.#source.isLive) return undefined;
    return entries.map((entry) => ({ ...entry, count: undefined }));
  }

  #report(findings: Findings): Report {
    const { machine, commandLine, publish, usage, statistics, results, delay } = findings;
    const [latency, slowLatency] = [new Latency(), new Latency()];
    for (const result of results) {
      latency.addEncoded(result.latency);
      slowLatency.addEncoded(result.slowLatency);
    }
    const delivery = sumDelivery(results.flatMap(({ subscribers }) => subscribers));
    const source = this.#source;
    const hasSlow = source.isLive && this.#options.slow > 0;
    const { ackLatency, sendDelay, faults, overflow } = this.#publishers;
    return {
      machine,
      commandLine,
      overflow,
      publish: { ...publish, ticksPerSecond: (publish.sent / publish.elapsedMs) * 1000 },
      jumps: source instanceof Market ? source.jumps : undefined,
      skippedRows: source instanceof CsvSource ? source.skippedRows : undefined,
      ackLatency: ackLatency.summary(),
      sendDelay: sendDelay.summary(),
      deliveryLatency: source.isLive ? latency.summary() : undefined,
      slowDeliveryLatency: hasSlow ? slowLatency.summary() : undefined,
      delivery,
      server: usage && serverReport(usage, publish.accepted, delivery.entries),
      serverStatistics: statistics,
      eventLoopDelay: {
        publishers: delay,
        subscribers: results.map(({ eventLoopDelay }) => eventLoopDelay),
      },
      faults: [...faults.messages, ...results.flatMap((result) => result.faults)],
      faultCount: results.reduce((sum, { faultCount }) => sum + faultCount, faults.count),
      failures: findFailures({
        publish,
        delivery,
        isLossless: overflow === 'wait',
        // Another server's numbers hold what others sent, too.
        statistics: this.#server === undefined ? undefined : statistics,
      }),
    };
  }
}

/** What the steps of a run found. */
interface Findings {
  readonly machine: Machine;
  readonly commandLine: string;
  readonly publish: PublishResult;
  readonly usage: ProcessUsage | undefined;
  readonly statistics: ServerStatistics | undefined;
  readonly results: readonly GroupResult[];
  readonly delay: EventLoopDelay;
}
