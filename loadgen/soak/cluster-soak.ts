import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../testkit/random.ts';
import { isServing } from '../../testkit/server-process.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { Faults } from '../faults.ts';
import { ClusterMembers } from './cluster-members.ts';
import { Crowd, checkMirrors } from './crowd.ts';
import type { DurableServer } from './durable-server.ts';
import { ClusterFaults } from './faults/cluster-faults.ts';
import { PublisherHost } from './publisher-host.ts';
import { checkResources, type ResourceFindings } from './resource-checks.ts';
import { ServerApi } from './server-api.ts';
import { ServerWatch } from './server-watch.ts';
import { publisherPlans } from './soak-options.ts';
import { resourceLines, verdictLines } from './soak-report.ts';
import { checkState, expectedSymbols, type PublisherRecord } from './state-checks.ts';

const MINUTE_MS = 60_000;
/** The first owner and the first edge stay in the last part: what they hold must not grow. */
const SPARED_SHARE = 0.45;
/** Between the end of a fault and the next one, ms. */
const CALM_MS_MIN = 500;
const CALM_MS_MAX = 6000;
/** Until everything goes on after a fault: elections of brokers take their time, ms. */
const RECOVERY_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
/** What an edge tells a publisher while the broker that was to store its ticks is away. */
const DELAYED = /acknowledged once they are durable/;
/** Error lines of logs that are told. */
const ERRORS_TOLD = 3;

export interface ClusterSoakOptions {
  /** Of nats-server. */
  readonly command: string;
  readonly minutes: number;
  readonly seed: number;
  /** Ticks a second, all publishers together. */
  readonly rate: number;
  /** Ends the faults early: once the present one is over, everything is checked as ever. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** What a soak of a cluster did and found. */
export interface ClusterSoakReport {
  readonly minutes: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Until everything went on after each fault, ms, in their order. */
  readonly recoveriesMs: readonly number[];
  readonly symbols: number;
  readonly ticks: number;
  /** Compared at each edge. */
  readonly anomalies: number;
  /** Subscribers that were verified, and connections that came and went meanwhile. */
  readonly mirrors: number;
  readonly visits: number;
  /** Error lines of owners whose brokers were killed. */
  readonly excused: number;
  /** Of the members that were spared in the last part, by name. */
  readonly resources: Readonly<Record<string, ResourceFindings>>;
  readonly violations: readonly string[];
  readonly violationCount: number;
}

/**
 * Runs a cluster under load and random faults, and checks that nothing that was acknowledged is
 * missing, nothing counts twice, and every edge and subscriber has the same.
 *
 * @throws Error when a member does not come back
 */
export async function runClusterSoak(options: ClusterSoakOptions): Promise<ClusterSoakReport> {
  const members = await ClusterMembers.start(options.command);
  try {
    const [, second] = members.edges as [DurableServer, DurableServer];
    return await new ClusterSoak(options, members, await TcpProxy.start(second.port)).run();
  } finally {
    await members.remove();
  }
}

class ClusterSoak {
  readonly #options: ClusterSoakOptions;
  readonly #members: ClusterMembers;
  readonly #proxy: TcpProxy;
  readonly #publishers: readonly PublisherHost[];
  readonly #crowd: Crowd;
  readonly #clusterFaults: ClusterFaults;
  readonly #watches: ReadonlyMap<string, ServerWatch>;
  readonly #random: Random;
  readonly #recoveriesMs: number[] = [];
  readonly #startedAt = performance.now();
  readonly #faults = new Faults();
  readonly #violate = (message: string): void => this.#faults.note(message);

  constructor(options: ClusterSoakOptions, members: ClusterMembers, proxy: TcpProxy) {
    const { seed, rate } = options;
    this.#options = options;
    this.#members = members;
    this.#proxy = proxy;
    this.#random = new Random(seed);
    const { edges, owners } = members;
    const [first, second] = edges as [DurableServer, DurableServer];
    // Each goes on at the other edge where its own fails.
    const plans = publisherPlans(seed, rate, [
      [first.url, second.url],
      [proxy.url, first.url],
    ]);
    const fault = (message: string) => {
      if (!DELAYED.test(message)) this.#violate(message);
    };
    this.#publishers = plans.map((plan) => new PublisherHost(plan, fault));
    this.#crowd = new Crowd(first.url, proxy.url);
    const watched = [first, owners[0] as DurableServer];
    this.#watches = new Map(
      watched.map((member) => [
        members.nameOf(member),
        new ServerWatch(member, new ServerApi(member.port)),
      ]),
    );
    const { violate, publishers } = { violate: this.#violate, publishers: this.#publishers };
    const random = this.#random;
    this.#clusterFaults = new ClusterFaults({ members, publishers, proxy, random, violate });
  }

  async run(): Promise<ClusterSoakReport> {
    try {
      for (const publisher of this.#publishers) publisher.spawn();
      for (const watch of this.#watches.values()) watch.start();
      await this.#recovered('the start');
      await this.#drill();
      return await this.#finish();
    } finally {
      for (const watch of this.#watches.values()) watch.stop();
      await Promise.all(this.#publishers.map((publisher) => publisher.kill()));
      await this.#crowd.settle();
      this.#crowd.close();
      this.#proxy.close();
    }
  }

  async #drill(): Promise<void> {
    const { minutes, signal, progress } = this.#options;
    const durationMs = minutes * MINUTE_MS;
    for (;;) {
      const calmMs = CALM_MS_MIN + this.#random.below(CALM_MS_MAX - CALM_MS_MIN);
      const leftMs = durationMs - this.#now();
      await sleep(Math.min(calmMs, Math.max(0, leftMs)), undefined, { signal }).catch(() => 0);
      if (signal.aborted || leftMs <= calmMs) return;
      const at = this.#now();
      const fault = await this.#clusterFaults.next(at > (1 - SPARED_SHARE) * durationMs);
      const undoneAt = this.#now();
      await this.#recovered(fault);
      this.#recoveriesMs.push(this.#now() - undoneAt);
      const [from, took] = [at, this.#now() - at].map((ms) => (ms / 1000).toFixed(1));
      progress(`${from} s: ${fault}, over in ${took} s`);
    }
  }

  #now(): number {
    return performance.now() - this.#startedAt;
  }

  /** Resolves once members are ready, and ticks of every publisher are acknowledged and shown. */
  async #recovered(after: string): Promise<void> {
    const publishers = this.#publishers.map(({ name, lineage }) => {
      const { next } = lineage;
      return { name: `${name}'s ticks`, goesOn: () => lineage.next > next };
    });
    const watches = this.#crowd.watches.map(({ name, subscriber }) => {
      const { updates } = subscriber.counters;
      return { name: `rows of ${name}`, goesOn: () => subscriber.counters.updates > updates };
    });
    const members = this.#members.all.map((member) => ({
      name: this.#members.nameOf(member),
      goesOn: () => isServing(member.port),
    }));
    const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
    for (const { name, goesOn } of [...members, ...publishers, ...watches]) {
      let isBack = await goesOn();
      while (!isBack && performance.now() < deadline) {
        await sleep(POLL_MS);
        isBack = await goesOn();
      }
      if (!isBack) this.#violate(`${name} did not come back after: ${after}`);
    }
  }

  async #finish(): Promise<ClusterSoakReport> {
    const minutes = Number((this.#now() / MINUTE_MS).toFixed(1));
    await Promise.all(this.#publishers.map((publisher) => publisher.stop()));
    await this.#crowd.settle();
    // A symbol goes on in another process as if nothing had been: windows are not begun anew.
    const records = this.#publishers.map(
      ({ name, ticks, frameTicks, lineage }): PublisherRecord => {
        if (lineage.lost.length > 0) {
          this.#violate(`${name}: ${lineage.lost.length} acknowledged frames were lost`);
        }
        return { name, ticks, frameTicks, lineage: { ...lineage, starts: [] } };
      },
    );
    const expected = expectedSymbols(records);
    const counts = [...expected.values()].map(({ count }) => count);
    const ticks = counts.reduce((sum, count) => sum + count, 0);
    const anomalies = [];
    for (const edge of this.#members.edges) {
      const violate = (text: string) => this.#violate(`${this.#members.nameOf(edge)}: ${text}`);
      const api = new ServerApi(edge.port);
      await shown(api, ticks);
      const found = await checkState({ api, expected, records, skipped: 0, violate });
      anomalies.push(found.anomalies);
    }
    const mirrors = await checkMirrors(this.#crowd, this.#violate);
    // Eight processes and more share this machine: how late they are is told, and not judged.
    const resources = Object.fromEntries(
      [...this.#watches].map(([name, watch]) => {
        watch.stop();
        const violate = (text: string) => this.#violate(`${name}: ${text}`);
        return [name, checkResources(watch, violate, Number.POSITIVE_INFINITY)];
      }),
    );
    await this.#endMembers();
    return {
      minutes,
      faults: Object.fromEntries(this.#clusterFaults.counts),
      recoveriesMs: this.#recoveriesMs,
      symbols: expected.size,
      ticks,
      anomalies: Math.min(...anomalies),
      mirrors,
      visits: this.#crowd.visits,
      excused: this.#members.owners.reduce((sum, { excused }) => sum + excused, 0),
      resources,
      violations: this.#faults.messages,
      violationCount: this.#faults.count,
    };
  }

  async #endMembers(): Promise<void> {
    for (const member of this.#members.all) {
      const name = this.#members.nameOf(member);
      const { exit } = await member.end('SIGTERM');
      if (exit !== 0) this.#violate(`the last stop of ${name} ended with ${exit}`);
      for (const line of member.errors.slice(0, ERRORS_TOLD)) {
        this.#violate(`${name} logged: ${line}`);
      }
    }
  }
}

/** Resolves once an edge shows so many ticks, or does not in time: then the check says what. */
async function shown(api: ServerApi, ticks: number): Promise<void> {
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const symbols = await api.symbols();
    if (symbols.reduce((sum, { updateCount }) => sum + updateCount, 0) >= ticks) return;
    await sleep(POLL_MS);
  }
}

/** The report in words. */
export function formatClusterSoak(report: ClusterSoakReport, seed: number): string {
  const { minutes, faults, recoveriesMs, symbols, ticks, anomalies, mirrors, visits } = report;
  const sorted = recoveriesMs.toSorted((a, b) => a - b);
  const [median, most] = [sorted[sorted.length >> 1] ?? 0, sorted.at(-1) ?? 0];
  return [
    `soak of a cluster for ${minutes} min, seed ${seed}`,
    ...Object.entries(faults).map(
      ([name, count], i) => `${(i === 0 ? 'faults' : '').padEnd(15)}${count} ${name}`,
    ),
    `               all went on ${median.toFixed(0)} ms (median) and ${most.toFixed(0)} ms ` +
      '(at most) after their ends',
    `state          ${symbols} symbols, ${ticks} ticks, ${anomalies} anomalies compared at each ` +
      'edge',
    `               ${report.excused} shards not taken over at once, as a broker was away`,
    `subscribers    ${mirrors} verified, ${visits} came and went`,
    ...Object.entries(report.resources).flatMap(([name, resources]) => [
      `${name.padEnd(15)}which was spared in the last part, after collections of garbage:`,
      ...resourceLines(resources),
    ]),
    ...verdictLines(report, seed),
  ].join('\n');
}
