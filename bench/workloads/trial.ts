import { setTimeout as sleep } from 'node:timers/promises';
import { preciseCpuMs } from '../../testkit/process-figures.ts';
import type { Contender, RunningContender } from '../contenders/contender.ts';
import { Publishers } from '../load/publishers.ts';
import { Subscribers } from '../load/subscribers.ts';
import type { SubscriptionPlan } from '../load/subscription-plan.ts';
import type { Market, Updates } from '../wires/wire.ts';
import type { Turn } from './workload.ts';

const MS_PER_SECOND = 1000;
/**
 * Longest warm-up. It matches the window's length: until compilers settle, their cost would be
 * measured.
 */
const WARM_UP_MS_MAX = 2500;

export interface TrialOptions {
  readonly market: Market;
  readonly updates: Updates;
  readonly publishers: number;
}

/** A server, publishers and subscribers during one measurement. */
export class Trial {
  readonly server: RunningContender;
  readonly publishers: Publishers;
  readonly market: Market;
  readonly turn: Turn;
  readonly #groups: Subscribers[] = [];

  /**
   * Starts the contender, connects publishers, runs `measure`, and always cleans up.
   *
   * @throws Error when a start or `measure` fails; says if the server died
   */
  static async run<T>(
    turn: Turn,
    options: TrialOptions,
    measure: (trial: Trial) => Promise<T>,
  ): Promise<T> {
    const { market, updates, publishers: count } = options;
    turn.signal.throwIfAborted();
    const server = await turn.contender.start({ symbols: market.symbols });
    let trial: Trial | undefined;
    let publishers: Publishers | undefined;
    try {
      const { wire } = turn.contender;
      publishers = await Publishers.connect(server, wire, market, updates, count, turn.clock);
      trial = new Trial(turn, server, publishers, market);
      return await measure(trial);
    } catch (error) {
      throw turn.signal.aborted || runs(server.pid)
        ? error
        : new Error(`the server ended; ${(error as Error).message}`);
    } finally {
      publishers?.close();
      if (trial !== undefined) await trial.#stopSubscribers();
      await server.stop();
    }
  }

  private constructor(
    turn: Turn,
    server: RunningContender,
    publishers: Publishers,
    market: Market,
  ) {
    this.turn = turn;
    this.server = server;
    this.publishers = publishers;
    this.market = market;
  }

  /** Adds subscribers in a child process; resolves when all are subscribed. */
  async subscribe(plan: SubscriptionPlan): Promise<Subscribers> {
    const { symbols } = this.market;
    const { key, clock } = this.turn;
    const { host, port } = this.server;
    const { anchor } = clock;
    const subscribers = await Subscribers.start(key, {
      server: { host, port },
      symbols,
      plan,
      anchor,
    });
    this.#groups.push(subscribers);
    return subscribers;
  }

  /** The server's CPU time so far, ms. */
  cpuMs(): number {
    return preciseCpuMs(this.server.pid);
  }

  /** Waits, failing early on a lost connection. */
  async pass(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.turn.signal });
    this.publishers.check();
  }

  /** Lets compilers and buffers settle. */
  warmUp(): Promise<void> {
    const windowMs = this.turn.seconds * MS_PER_SECOND;
    return this.pass(Math.min(WARM_UP_MS_MAX, windowMs));
  }

  /** @param secondsMin what the load needs to say something */
  window(secondsMin = 0): Promise<void> {
    return this.pass(Math.max(this.turn.seconds, secondsMin) * MS_PER_SECOND);
  }

  async #stopSubscribers(): Promise<void> {
    // Failures are already reported; here everything must be released.
    await Promise.allSettled(this.#groups.map((subscribers) => subscribers.stop()));
  }
}

/** Starts an idle contender; returns its start-up time, ms. */
export async function startOnly(contender: Contender, market: Market): Promise<number> {
  const startMs = performance.now();
  const server = await contender.start({ symbols: market.symbols });
  const passedMs = performance.now() - startMs;
  await server.stop();
  return passedMs;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
