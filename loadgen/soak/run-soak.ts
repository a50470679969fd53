import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../testkit/random.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { Faults } from '../faults.ts';
import { Crowd, checkMirrors } from './crowd.ts';
import { type Drill, Drills } from './drills.ts';
import { DurableServer } from './durable-server.ts';
import { HttpLoad, POSTED_SYMBOL } from './http-load.ts';
import { PublisherHost } from './publisher-host.ts';
import { checkResources } from './resource-checks.ts';
import { ServerApi } from './server-api.ts';
import { ServerWatch } from './server-watch.ts';
import { DRAIN_MS, publisherPlans, serverFlags, WINDOW_MS } from './soak-options.ts';
import type { SoakReport } from './soak-report.ts';
import { checkState, expectedSymbols, type StateFindings } from './state-checks.ts';

const MINUTE_MS = 60_000;
/** The end of what a server wrote that ended by itself, characters. */
const OUTPUT_MAX = 4000;
/**
 * No fault takes the server away in the last part of a run, in which what it holds must not grow.
 */
const SPARED_SHARE = 0.45;
/** That part begins with a rush of visitors, of this share of the run, and at most so long, ms. */
const RUSH_SHARE = 0.1;
const RUSH_MS_MAX = 150_000;
/** Between the end of a fault and the next one, ms. */
const CALM_MS_MIN = 500;
const CALM_MS_MAX = 6000;
/** Without faults at the end, ms. */
const LAST_CALM_MS = 2000;
/** What a stop may take beyond `server.drainMs`, ms. */
const STOP_SLACK_MS = 1000;
/** What a snapshot may take, from the cut to the disk, on a busy machine, ms. */
const SNAPSHOT_MS_MAX = 1000;
/** After so many absences, some anomaly must have been one of a restored window. */
const ABSENCES_MIN = 4;
/** HTTP answers within this, ms, but for one in a hundred. */
const ANSWER_MS_MAX = 250;
/**
 * Where the server and this program wait for processors a larger share of the time, how long
 * answers take is not theirs.
 */
const WAITING_SHARE_MAX = 0.1;

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Ticks a second, all publishers together. */
  readonly rate: number;
  readonly storeMode: 'async' | 'sync';
  readonly snapshotIntervalMs: number;
  readonly faults: readonly Drill[];
  /** Ends the faults early: once the present one is over, everything is checked as ever. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Runs a server under mixed load and random faults, and checks everything that must hold. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { storeMode, snapshotIntervalMs } = options;
  const server = await DurableServer.create(serverFlags(storeMode, snapshotIntervalMs));
  try {
    await server.start(['--processing.partitions=2']);
    return await new Soak(options, server, await TcpProxy.start(server.port)).run();
  } catch (error) {
    if (server.exit === undefined) throw error;
    const output = server.output.slice(-OUTPUT_MAX);
    throw new Error(`the server ended with ${server.exit}: ${output}`, { cause: error });
  } finally {
    await server.remove();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #server: DurableServer;
  readonly #proxy: TcpProxy;
  readonly #api: ServerApi;
  readonly #watch: ServerWatch;
  readonly #publishers: readonly PublisherHost[];
  readonly #crowd: Crowd;
  readonly #http: HttpLoad;
  readonly #drills: Drills;
  readonly #random: Random;
  readonly #faults = new Faults();
  readonly #violate = (message: string): void => this.#faults.note(message);

  constructor(options: SoakOptions, server: DurableServer, proxy: TcpProxy) {
    const { seed, rate } = options;
    this.#options = options;
    this.#server = server;
    this.#proxy = proxy;
    this.#random = new Random(seed);
    this.#api = new ServerApi(server.port);
    this.#watch = new ServerWatch(server, this.#api);
    // Every other one through the proxy that is cut.
    const plans = publisherPlans(seed, rate, [server.url, proxy.url]);
    this.#publishers = plans.map((plan) => new PublisherHost(plan, this.#violate));
    this.#crowd = new Crowd(server.url, proxy.url);
    this.#http = new HttpLoad(server.port);
    const targets = {
      server,
      proxy,
      api: this.#api,
      watch: this.#watch,
      publishers: this.#publishers,
      crowd: this.#crowd,
      http: this.#http,
      random: this.#random,
      stopMsMax: DRAIN_MS + STOP_SLACK_MS,
      snapshotIntervalMs: options.snapshotIntervalMs,
      lostMsMax: options.snapshotIntervalMs + SNAPSHOT_MS_MAX,
      isAsync: options.storeMode === 'async',
      violate: this.#violate,
    };
    this.#drills = new Drills(targets, options.faults);
  }

  async run(): Promise<SoakReport> {
    try {
      for (const publisher of this.#publishers) publisher.spawn();
      this.#http.start();
      this.#watch.start();
      await this.#drills.recovered('the start');
      await this.#drill();
      return await this.#finish();
    } finally {
      this.#watch.stop();
      await Promise.all(this.#publishers.map((publisher) => publisher.kill()));
      await this.#http.stop();
      await this.#crowd.settle();
      this.#crowd.close();
      this.#proxy.close();
    }
  }

  async #drill(): Promise<void> {
    const { minutes, signal } = this.#options;
    const durationMs = minutes * MINUTE_MS;
    const endMs = durationMs - LAST_CALM_MS;
    let wasSpared = false;
    for (;;) {
      const calmMs = CALM_MS_MIN + this.#random.below(CALM_MS_MAX - CALM_MS_MIN);
      const leftMs = endMs - this.#watch.now();
      const isOver = await pause(Math.min(calmMs, Math.max(0, leftMs)), signal);
      if (isOver || leftMs <= calmMs) break;
      const at = this.#watch.now();
      const isSpared = at > (1 - SPARED_SHARE) * durationMs;
      const drill = await this.#drills.next(isSpared);
      if (drill !== undefined) this.#tell(drill, at);
      if (isSpared && !wasSpared) await this.#rush(Math.min(RUSH_MS_MAX, RUSH_SHARE * durationMs));
      wasSpared = isSpared;
    }
    await sleep(LAST_CALM_MS);
  }

  /** What is kept for reuse grows to its size before growth is judged. */
  async #rush(ms: number): Promise<void> {
    const at = this.#watch.now();
    const before = this.#crowd.visits;
    await this.#crowd.rush(ms, this.#options.signal);
    this.#watch.stretched();
    this.#tell(`a rush of ${this.#crowd.visits - before} subscribers`, at);
  }

  #tell(what: string, at: number): void {
    const tookMs = this.#watch.now() - at;
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    this.#options.progress(`${seconds(at)} s: ${what}, over in ${seconds(tookMs)} s`);
  }

  async #finish(): Promise<SoakReport> {
    const { seed, minutes, rate, storeMode, snapshotIntervalMs } = this.#options;
    const ranMinutes = Number((this.#watch.now() / MINUTE_MS).toFixed(1));
    this.#watch.stop();
    await Promise.all(this.#publishers.map((publisher) => publisher.stop()));
    await this.#http.stop();
    await this.#crowd.settle();
    await this.#api.settled();
    await this.#watch.sample();
    const skipped = this.#watch.total('skipped');
    const lapped = this.#watch.total('lapped');
    if (lapped > 0)
      this.#violate(`full queues lost ${lapped} ticks: too high a rate for this machine`);
    const expected = expectedSymbols(this.#publishers, WINDOW_MS);
    const posted = this.#http.expected();
    if (posted.count > 0) expected.set(POSTED_SYMBOL, posted);
    const records = this.#publishers;
    const violate = this.#violate;
    const state = await checkState({ api: this.#api, expected, records, skipped, violate });
    const mirrors = await checkMirrors(this.#crowd, violate);
    const resources = checkResources(this.#watch, violate);
    this.#checkLosses();
    this.#checkCoverage(state);
    await this.#checkServer();
    return {
      options: {
        seed,
        minutes: Math.min(minutes, ranMinutes),
        rate,
        storeMode,
        snapshotIntervalMs,
      },
      drills: Object.fromEntries(this.#drills.counts),
      absences: this.#drills.absences,
      disk: this.#drills.disk,
      excused: this.#server.excused,
      refused: this.#publishers.reduce((sum, { refused }) => sum + refused.size, 0),
      refusedPosts: this.#http.refused,
      state,
      skipped,
      mirrors,
      renumbered: this.#crowd.watches.map(({ renumbered }) => renumbered),
      reconnections: this.#crowd.visits,
      dismissed: this.#crowd.dismissed,
      answersMs: quantiles(this.#http.answersMs),
      waitingShare: this.#watch.waitingShare,
      areAnswersJudged: this.#watch.waitingShare <= WAITING_SHARE_MAX,
      resources,
      violations: this.#faults.messages,
      violationCount: this.#faults.count,
    };
  }

  /** Acknowledged ticks go with a killed server, and in no other way. */
  #checkLosses(): void {
    const lost = this.#publishers.reduce(
      (sum, { lineage, frameTicks }) => sum + lineage.lost.length * frameTicks,
      0,
    );
    const explained = this.#drills.absences.reduce((sum, { lostTicks }) => sum + lostTicks, 0);
    if (lost > explained) {
      this.#violate(`${lost - explained} acknowledged ticks were lost while the server ran`);
    }
  }

  /** A run whose restarts no window outlived would prove nothing about windows. */
  #checkCoverage({ restored }: StateFindings): void {
    // Windows outlive shorter absences alone.
    const { length } = this.#drills.absences;
    if (length >= ABSENCES_MIN && restored === 0) {
      this.#violate(`over ${length} absences of the server no restored window raised an anomaly`);
    }
  }

  async #checkServer(): Promise<void> {
    const readiness = await this.#api.readiness();
    if (!readiness.startsWith('200')) this.#violate(`the server is not ready: ${readiness}`);
    for (const line of this.#server.errors) this.#violate(`the server logged: ${line}`);
    for (const fault of this.#http.faults) this.#violate(fault);
    const { p99 } = quantiles(this.#http.answersMs);
    const isMachineBusy = this.#watch.waitingShare > WAITING_SHARE_MAX;
    if (p99 > ANSWER_MS_MAX && !isMachineBusy)
      this.#violate(`HTTP answers took ${p99.toFixed(0)} ms (p99)`);
    const { exit, durationMs } = await this.#server.end('SIGTERM');
    if (exit !== 0) this.#violate(`the last stop ended with ${exit}`);
    if (durationMs > DRAIN_MS + STOP_SLACK_MS) this.#violate(`the last stop took ${durationMs} ms`);
  }
}

/** Waits; returns whether `signal` ended the wait. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  return signal.aborted;
}

function quantiles(values: readonly number[]): SoakReport['answersMs'] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
