import { setTimeout as sleep } from 'node:timers/promises';
import { Clock, type ClockAnchor } from '../../loadgen/clock.ts';
import { Latency } from '../../loadgen/latency.ts';
import type { Receipt, Wire } from '../wires/wire.ts';
import type { ServerAddress } from './publisher-connection.ts';
import type { SubscriptionPlan } from './subscription-plan.ts';
import { WebSocketClient } from './web-socket-client.ts';

/** Totals of many sessions. */
class Tally implements Receipt {
  /** Source updates that arrived; conflated ones count each. */
  updates = 0;
  entries = 0;
  /** Arrival of the messages being read, ms since the epoch. */
  now = 0;
  /** From an entry's newest due time to its arrival. */
  latency = new Latency();

  update(count: number): void {
    this.updates += count;
    this.entries++;
  }

  dueAt(timeMs: number): void {
    this.latency.record(this.now - timeMs);
  }

  resetLatency(): void {
    this.latency = new Latency();
  }
}

/** Concurrent connection attempts: servers have backlogs. */
const CONNECTING_MAX = 64;
const CONNECT_TIMEOUT_MS = 60_000;
const POLL_MS = 5;
const US_PER_MS = 1000;

export interface PoolOptions {
  readonly server: ServerAddress;
  readonly symbols: readonly string[];
  readonly plan: SubscriptionPlan;
  /** Aligns clocks between processes. */
  readonly anchor: ClockAnchor;
}

export interface PoolTotals {
  readonly updates: number;
  readonly entries: number;
  readonly messages: number;
  readonly bytes: number;
  /** CPU time of this process, ms: shows whether the readers kept up. */
  readonly cpuMs: number;
}

export class SubscriberPool {
  readonly #wire: Wire;
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #tally = new Tally();
  readonly #clients: WebSocketClient[] = [];
  #ready = 0;
  #fault: string | undefined;
  #isStopped = false;

  constructor(wire: Wire, options: PoolOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#clock = new Clock(options.anchor);
  }

  /**
   * Opens all sessions; resolves when all are subscribed.
   *
   * @throws Error when one is lost or not ready in time
   */
  async start(): Promise<void> {
    const { sessions } = this.#options.plan;
    const deadline = performance.now() + CONNECT_TIMEOUT_MS;
    while (this.#ready < sessions) {
      while (
        this.#clients.length < sessions &&
        this.#clients.length - this.#ready < CONNECTING_MAX
      ) {
        this.#open(this.#clients.length);
      }
      await sleep(POLL_MS);
      this.#check();
      if (performance.now() > deadline) {
        throw new Error(`${this.#ready} of ${sessions} sessions were subscribed in time`);
      }
    }
  }

  /** @throws Error when a session was lost */
  totals(): PoolTotals {
    this.#check();
    let messages = 0;
    let bytes = 0;
    for (const client of this.#clients) {
      messages += client.messages;
      bytes += client.bytes;
    }
    const { updates, entries } = this.#tally;
    const { user, system } = process.cpuUsage();
    return { updates, entries, messages, bytes, cpuMs: (user + system) / US_PER_MS };
  }

  resetLatency(): void {
    this.#tally.resetLatency();
  }

  /** Latencies since the last reset, encoded. */
  latency(): string {
    return this.#tally.latency.encode();
  }

  stop(): void {
    this.#isStopped = true;
    for (const client of this.#clients) client.close();
  }

  #check(): void {
    if (this.#fault !== undefined) throw new Error(`a subscriber was lost: ${this.#fault}`);
  }

  #open(session: number): void {
    const { server, symbols, plan } = this.#options;
    const first = session * plan.perSession;
    const picks = Array.from(plan.picks.subarray(first, first + plan.perSession));
    const side = this.#wire.subscriber({ symbols }, picks);
    const tally = this.#tally;
    const { host, port } = server;
    const { streamPath: path, protocol } = this.#wire;
    let isReady = false;
    const note = () => {
      if (isReady || !side.isReady) return;
      isReady = true;
      this.#ready++;
    };
    const client = new WebSocketClient(
      { host, port, path, protocol },
      {
        opened: () => {
          for (const payload of side.opening()) client.add(payload);
          note();
        },
        arrived: () => {
          tally.now = this.#clock.now();
        },
        message: (payload) => {
          const answer = side.receive(payload, tally);
          if (answer !== undefined) client.add(answer);
          if (!isReady) note();
        },
        closed: (reason) => {
          if (!this.#isStopped) this.#fault ??= reason;
        },
      },
    );
    this.#clients.push(client);
  }
}
