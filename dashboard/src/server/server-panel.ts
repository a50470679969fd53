import type { ServerStatistics } from '../http-api.ts';
import { findPart, setFlag, setText } from '../page/dom.ts';
import {
  formatBandwidth,
  formatClock,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  formatShortCount,
} from '../page/format.ts';
import type { Palette } from '../page/theme.ts';
import { PartitionTable } from './partitions-panel.ts';
import { RateTrend, type ServerRates, serverRates } from './rates.ts';

const NO_RATES: ServerRates = { ticks: NaN, deliveries: NaN, bytes: NaN, partitions: [] };

/** The server as a whole: rates, latency, sessions, losses. */
export class ServerPanel {
  readonly #root: HTMLElement;
  readonly #partitionsRoot: HTMLElement;
  readonly #partitions: PartitionTable;
  readonly #ticks: RateTrend;
  readonly #deliveries: RateTrend;
  readonly #alerts: Readonly<Record<'dropped' | 'rejected' | 'restarts', GrowthAlert>>;
  readonly #slow: HTMLElement;
  readonly #stale: HTMLElement;
  #before: ServerStatistics | undefined;

  constructor(root: HTMLElement, partitions: HTMLElement) {
    this.#root = root;
    this.#partitionsRoot = partitions;
    this.#partitions = new PartitionTable(partitions);
    this.#ticks = new RateTrend(findPart(root, 'ticks-trend', HTMLCanvasElement));
    this.#deliveries = new RateTrend(findPart(root, 'deliveries-trend', HTMLCanvasElement));
    const alert = (name: string) => new GrowthAlert(findPart(root, name, HTMLElement));
    this.#alerts = {
      dropped: alert('dropped-fact'),
      rejected: alert('rejected-fact'),
      restarts: alert('restarts-fact'),
    };
    this.#slow = findPart(root, 'slow-fact', HTMLElement);
    this.#stale = findPart(root, 'stale', HTMLElement);
  }

  show(now: ServerStatistics, palette: Palette): void {
    if (this.#before !== undefined && this.#before.epoch !== now.epoch) this.#reset();
    const rates = serverRates(this.#before, now) ?? NO_RATES;
    this.#before = now;
    this.#showRates(now, rates, palette);
    this.#showSessions(now);
    this.#showLosses(now);
    this.#partitions.show(now.partitions, rates.partitions);
  }

  /** Shows since when statistics have been missing; undefined: they are not. */
  setFailing(sinceMs: number | undefined): void {
    setFlag(this.#root, 'data-stale', sinceMs !== undefined);
    setFlag(this.#partitionsRoot, 'data-stale', sinceMs !== undefined);
    this.#stale.hidden = sinceMs === undefined;
    if (sinceMs !== undefined) {
      setText(this.#stale, `No statistics since ${formatClock(sinceMs)}: these are the last ones.`);
    }
  }

  /** Shows that statistics are for operators only. */
  setRestricted(): void {
    for (const root of [this.#root, this.#partitionsRoot]) setFlag(root, 'data-restricted', true);
    setText(findPart(this.#partitionsRoot, 'partitions-title', HTMLElement), 'This page');
    findPart(this.#root, 'restricted', HTMLElement).hidden = false;
  }

  drawTrends(palette: Palette): void {
    this.#ticks.draw(palette);
    this.#deliveries.draw(palette);
  }

  #reset(): void {
    this.#ticks.clear();
    this.#deliveries.clear();
    for (const alert of Object.values(this.#alerts)) alert.reset();
  }

  #showRates(now: ServerStatistics, rates: ServerRates, palette: Palette): void {
    this.#set('ticks-rate', formatRate(rates.ticks));
    this.#set('deliveries-rate', formatRate(rates.deliveries));
    this.#set('bandwidth', formatBandwidth(rates.bytes));
    this.#set('processed', formatShortCount(now.totalProcessed));
    for (const name of ['p50', 'p90', 'p99', 'p999'] as const) {
      this.#set(name, formatMilliseconds(now.latencyMs[name]));
    }
    if (Number.isNaN(rates.ticks)) return;
    this.#ticks.add(rates.ticks);
    this.#deliveries.add(rates.deliveries);
    this.drawTrends(palette);
  }

  #showSessions({ sessions, symbols, anomaliesDetected, uptimeSeconds }: ServerStatistics): void {
    this.#set('subscribers', formatCount(sessions.subscribers));
    this.#set('publishers', formatCount(sessions.publishers));
    this.#set('subscriptions', formatShortCount(sessions.subscriptions));
    this.#set('slow', formatCount(sessions.slow));
    setFlag(this.#slow, 'data-alert', sessions.slow > 0);
    this.#set('symbols', formatCount(symbols));
    this.#set('anomalies', formatShortCount(anomaliesDetected));
    this.#set('uptime', formatDuration(uptimeSeconds));
  }

  #showLosses(now: ServerStatistics): void {
    const restarts = now.partitions.reduce((sum, partition) => sum + partition.restarts, 0);
    const nowMs = performance.now();
    this.#set('dropped', formatShortCount(now.totalDropped));
    this.#set('rejected', formatShortCount(now.totalRejected));
    this.#set('late', formatShortCount(now.totalLate));
    this.#set('restarts', formatCount(restarts));
    this.#alerts.dropped.show(now.totalDropped, nowMs);
    this.#alerts.rejected.show(now.totalRejected, nowMs);
    this.#alerts.restarts.show(restarts, nowMs);
  }

  #set(name: string, text: string): void {
    setText(findPart(this.#root, name, HTMLElement), text);
  }
}

/** How long growth stays marked, ms. */
const MARKED_MS = 10_000;

/** Marks the figure of a counter that should not grow for a while after it grew. */
export class GrowthAlert {
  readonly #element: Element;
  #count = Number.NaN;
  #grewAtMs = Number.NEGATIVE_INFINITY;

  constructor(element: Element) {
    this.#element = element;
  }

  show(count: number, nowMs: number): void {
    if (count > this.#count) this.#grewAtMs = nowMs;
    this.#count = count;
    setFlag(this.#element, 'data-alert', nowMs - this.#grewAtMs < MARKED_MS);
  }

  /** The counter restarts with another run of the server. */
  reset(): void {
    this.#count = Number.NaN;
    this.#grewAtMs = Number.NEGATIVE_INFINITY;
  }
}
