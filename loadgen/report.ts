import type { OverflowPolicy } from '../client-sdk/src/index.ts';
import type { EventLoopDelay } from './event-loop.ts';
import type { ServerStatistics } from './http-api.ts';
import type { LatencySummary } from './latency.ts';
import type { SubscriberResult } from './load-subscriber.ts';
import type { Machine } from './machine.ts';
import type { ProcessUsage } from './process-usage.ts';
import type { PublishResult } from './publishers.ts';

export interface DeliveryReport {
  readonly subscribers: number;
  readonly verified: number;
  /** Whose mirror was compared with what was published, and equalled it. */
  readonly compared: number;
  readonly exact: number;
  readonly frames: number;
  readonly bytes: number;
  readonly entries: number;
  readonly fullEntries: number;
  readonly updates: number;
  readonly anomalies: number;
  /**
   * Anomalies that did not follow the one before in their symbol's sequence: all, and those of slow
   * subscribers.
   */
  readonly anomalyGaps: number;
  readonly slowAnomalyGaps: number;
  readonly disordered: number;
}

/** Everything that a run found. Latencies in ms. */
export interface Report {
  /** Where and when it began. */
  readonly machine: Machine;
  readonly commandLine: string;
  /** The server's overflow policy. */
  readonly overflow: OverflowPolicy;
  readonly publish: PublishResult & { readonly ticksPerSecond: number };
  /** Jumps that the synthetic market made; each raises an anomaly at least. */
  readonly jumps: number | undefined;
  readonly skippedRows: number | undefined;
  readonly ackLatency: LatencySummary;
  readonly sendDelay: LatencySummary;
  /** Absent for recorded ticks, whose times are not when they were sent. */
  readonly deliveryLatency: LatencySummary | undefined;
  readonly slowDeliveryLatency: LatencySummary | undefined;
  readonly delivery: DeliveryReport;
  readonly server: ServerReport | undefined;
  readonly serverStatistics: ServerStatistics | undefined;
  readonly eventLoopDelay: {
    readonly publishers: EventLoopDelay;
    readonly subscribers: readonly EventLoopDelay[];
  };
  readonly faults: readonly string[];
  readonly faultCount: number;
  /** Why the run failed; empty: it did not. */
  readonly failures: readonly string[];
}

/** What the server used: CPU time also by what it did with it. */
export interface ServerReport extends ProcessUsage {
  readonly cpuUsPerTick: number;
  readonly cpuUsPerEntry: number;
}

/** Sums up what the subscribers got. */
export function sumDelivery(results: readonly SubscriberResult[]): DeliveryReport {
  const sum = (of: (result: SubscriberResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  return {
    subscribers: results.length,
    verified: sum(({ isVerified }) => Number(isVerified)),
    compared: sum(({ wrongSymbols }) => Number(wrongSymbols !== undefined)),
    exact: sum(({ wrongSymbols }) => Number(wrongSymbols === 0)),
    frames: sum(({ counters }) => counters.frames),
    bytes: sum(({ counters }) => counters.bytes),
    entries: sum(({ counters }) => counters.entries),
    fullEntries: sum(({ counters }) => counters.fullEntries),
    updates: sum(({ counters }) => counters.updates),
    anomalies: sum(({ counters }) => counters.anomalies),
    anomalyGaps: sum(({ anomalyGaps }) => anomalyGaps),
    slowAnomalyGaps: sum(({ isSlow, anomalyGaps }) => (isSlow ? anomalyGaps : 0)),
    disordered: sum(({ disordered }) => disordered),
  };
}

/** CPU time a tick and an entry: the whole of it by each, as neither can be told from the other. */
export function serverReport(usage: ProcessUsage, ticks: number, entries: number): ServerReport {
  const cpuUs = usage.cpuMs * 1000;
  return { ...usage, cpuUsPerTick: cpuUs / ticks, cpuUsPerEntry: cpuUs / entries };
}

/** What is checked after a run. */
export interface Findings {
  readonly publish: PublishResult;
  readonly delivery: DeliveryReport;
  /** Whether the server's policy allows no drops. */
  readonly isLossless: boolean;
  /** What a server counted that served this run only. */
  readonly statistics: ServerStatistics | undefined;
}

/** Why a run is no success: something was lost, is not in sync, or came in the wrong order. */
export function findFailures(findings: Findings): string[] {
  const { publish, delivery, isLossless, statistics } = findings;
  const failures: string[] = [];
  const check = (isGood: boolean, failure: string) => {
    if (!isGood) failures.push(failure);
  };
  const { sent, accepted, rejected, dropped, resumed, unacknowledged } = publish;
  check(unacknowledged === 0, `${unacknowledged} ticks were never acknowledged`);
  const missing = sent - accepted - rejected - dropped - resumed - unacknowledged;
  check(missing === 0, `${missing} ticks sent and counted nowhere`);
  if (isLossless) check(dropped === 0, `${dropped} ticks dropped under the policy wait`);
  if (statistics !== undefined) {
    const counted = statistics.totalProcessed + statistics.totalDropped;
    const expected = accepted + dropped + resumed;
    check(counted === expected, `the server processed or dropped ${counted} ticks of ${expected}`);
  }
  const { subscribers, verified, compared, exact, disordered } = delivery;
  check(verified === subscribers, `${subscribers - verified} subscribers are not in sync`);
  check(exact === compared, `${compared - exact} subscribers do not hold what was published`);
  check(disordered === 0, `${disordered} entries went back in time or count`);
  return failures;
}
