import type { EventLoopDelay } from './event-loop.ts';
import type { LatencySummary } from './latency.ts';
import { formatMachine } from './machine.ts';
import type { Report } from './report.ts';

const MIB = 1024 * 1024;
const LABEL_WIDTH = 24;
/** A schedule missed by less is a matter of timers. */
const LAG_SHOWN_MS = 100;

/** The report for people. */
export function formatReport(report: Report): string {
  const lines = [
    formatMachine(report.machine),
    ...publishLines(report),
    ...deliveryLines(report),
    ...serverLines(report),
    ...report.faults.map((fault) => line('fault', fault)),
  ];
  if (report.faultCount > report.faults.length) {
    lines.push(line('faults in all', count(report.faultCount)));
  }
  lines.push(...report.failures.map((failure) => line('FAILED', failure)));
  if (report.failures.length === 0) lines.push(line('result', 'all checks passed'));
  return lines.join('\n');
}

function publishLines(report: Report): string[] {
  const { publish, jumps, skippedRows } = report;
  const { sent, accepted, rejected, dropped, resumed, reconnects, lagMs } = publish;
  const lines = [
    line('ticks sent', `${count(sent)} in ${(publish.elapsedMs / 1000).toFixed(2)} s`),
    line('throughput', `${count(publish.ticksPerSecond)} ticks/s`),
    line(
      'accepted',
      `${count(accepted)}, rejected ${count(rejected)}, dropped on arrival ${count(dropped)}`,
    ),
  ];
  if (reconnects > 0) {
    lines.push(line('reconnects', `${count(reconnects)}, ${count(resumed)} ticks resumed`));
  }
  if (lagMs > LAG_SHOWN_MS) lines.push(line('behind schedule', `${count(lagMs)} ms at the end`));
  if (jumps !== undefined) lines.push(line('jumps in the market', count(jumps)));
  if (skippedRows !== undefined) lines.push(line('rows skipped', count(skippedRows)));
  lines.push(latencyLine('ack latency', report.ackLatency));
  lines.push(latencyLine('  of it until sent', report.sendDelay));
  return lines;
}

function deliveryLines(report: Report): string[] {
  const { delivery, deliveryLatency, slowDeliveryLatency, eventLoopDelay } = report;
  const publishers = delayLine("publishers' event loop", eventLoopDelay.publishers);
  if (delivery.subscribers === 0) return [publishers];
  const { entries, updates, bytes, frames, fullEntries } = delivery;
  const { anomalies, anomalyGaps, slowAnomalyGaps } = delivery;
  const perEntry = ratio(bytes, entries);
  const gaps = `${count(anomalyGaps)} gaps (${count(slowAnomalyGaps)} at slow subscribers)`;
  const lines: string[] = [];
  if (deliveryLatency !== undefined) {
    lines.push(latencyLine('delivery latency', deliveryLatency));
  }
  if (slowDeliveryLatency !== undefined) {
    lines.push(latencyLine('  slow subscribers', slowDeliveryLatency));
  }
  lines.push(
    line('entries', `${count(entries)} (${count(fullEntries)} full), ${count(frames)} frames`),
    line('updates they stand for', `${count(updates)}: ${ratio(entries, updates)} entries each`),
    line(
      'bytes received',
      `${mib(bytes)}: ${perEntry} an entry, ${ratio(bytes, updates)} an update`,
    ),
    line('anomalies', `${count(anomalies)} received, ${gaps}`),
    line('digests equal', `${delivery.verified} of ${delivery.subscribers} subscribers`),
  );
  if (delivery.compared > 0) {
    lines.push(line('exactly as published', `${delivery.exact} of ${delivery.compared}`));
  }
  lines.push(publishers);
  for (const delay of eventLoopDelay.subscribers) {
    lines.push(delayLine("subscribers' event loop", delay));
  }
  return lines;
}

function serverLines({ server, serverStatistics }: Report): string[] {
  const lines: string[] = [];
  if (serverStatistics !== undefined) {
    const { totalProcessed, totalDropped, anomaliesDetected } = serverStatistics;
    const counts = `${count(totalProcessed)} processed, ${count(totalDropped)} dropped`;
    lines.push(line('server counted', `${counts}, ${count(anomaliesDetected)} anomalies`));
  }
  if (server === undefined) return lines;
  const { cpuMs, cores, cpuUsPerTick, cpuUsPerEntry } = server;
  const halves = `${mib(server.firstHalfBytes)}, then ${mib(server.secondHalfBytes)}`;
  const quarters = `${mib(server.thirdQuarterBytes)}, then ${mib(server.lastQuarterBytes)}`;
  lines.push(
    line('server CPU', `${(cpuMs / 1000).toFixed(2)} s, ${cores.toFixed(2)} cores`),
    line('', `${us(cpuUsPerTick)} a tick, ${us(cpuUsPerEntry)} an entry`),
    line('server memory', `${halves}, at most ${mib(server.maxBytes)}`),
    line('  of it second half', quarters),
  );
  return lines;
}

function line(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)} ${text}`;
}

function latencyLine(label: string, { count: samples, ...summary }: LatencySummary): string {
  if (samples === 0) return line(label, 'no samples');
  const { p50, p90, p99, p999, max } = summary;
  const percentiles = `p50 ${ms(p50)}, p90 ${ms(p90)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}`;
  return line(label, `${percentiles}, max ${ms(max)} ms`);
}

function delayLine(label: string, { p50, p99, max }: EventLoopDelay): string {
  return line(label, `late by p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)} ms`);
}

function ms(value: number): string {
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}

function us(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} µs` : '-';
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 100 * MIB ? 1 : 0)} MiB`;
}

function ratio(part: number, whole: number): string {
  return whole === 0 ? '-' : (part / whole).toFixed(3);
}
