import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnServer } from '../../loadgen/own-server.ts';
import { PUBLISH_PATH } from '../../src/protocol/index.ts';
import { until } from '../../testkit/until.ts';
import { Publishers } from '../load/publishers.ts';
import { Subscribers } from '../load/subscribers.ts';
import { planSubscriptions, subscribersOf } from '../load/subscription-plan.ts';
import { makeUpdates } from '../load/update-stream.ts';
import { tickwireWire } from '../wires/tickwire.ts';
import { marketOf } from '../workloads/workload.ts';
import type { Parts } from './cpu-meter.ts';
import type { ClusterRun } from './experiment.ts';
import { addressOf } from './live-cluster.ts';

const SEED = 1;
/** A market of that many symbols; each session has some of them. */
export const MARKET = { symbols: 300, sessions: 20, perSession: 20 };
/** Ticks of a frame at most. */
const FRAME_UPDATES = 256;
/** Updates in flight have arrived when none did for so long, ms; and the wait for that. */
const QUIET_MS = 300;
const QUIET_TIMEOUT_MS = 30_000;
const QUIET_POLL_MS = 50;
/** Compilers settle meanwhile, ms; not longer than the window. */
const WARM_UP_MS_MAX = 2000;

/** A named publisher, whose frames the ledger counts as those of feeds. */
const WIRE = { ...tickwireWire(), publishPath: `${PUBLISH_PATH}?publisher=bench` };

/** A publisher at one server and subscribers, in a process of their own, at another. */
export class MarketLoad {
  readonly subscribers: Subscribers;
  readonly #publishers: Publishers;
  readonly #run: ClusterRun;
  /** Deliveries before the first tick of {@link start}. */
  #before = 0;

  /** Connects, publishes each symbol once, runs `measure`, and always disconnects. */
  static async run<T>(
    run: ClusterRun,
    { from, to }: { readonly from: OwnServer; readonly to: OwnServer },
    measure: (load: MarketLoad) => Promise<T>,
  ): Promise<T> {
    const { clock } = run;
    const market = marketOf(MARKET.symbols);
    const updates = makeUpdates({ symbols: MARKET.symbols, zipfExponent: 0, seed: SEED });
    const publishers = await Publishers.connect(addressOf(from), WIRE, market, updates, 1, clock);
    let subscribers: Subscribers | undefined;
    try {
      subscribers = await Subscribers.start('tickwire', {
        server: addressOf(to),
        symbols: market.symbols,
        plan: PLAN,
        anchor: clock.anchor,
      });
      const load = new MarketLoad(run, publishers, subscribers);
      await load.#prime();
      return await measure(load);
    } finally {
      publishers.close();
      await subscribers?.stop();
    }
  }

  private constructor(run: ClusterRun, publishers: Publishers, subscribers: Subscribers) {
    this.#run = run;
    this.#publishers = publishers;
    this.subscribers = subscribers;
  }

  /** Processes that make the load. */
  get parts(): Parts {
    return { generator: [process.pid, this.subscribers.pid] };
  }

  /** Ticks sent so far. */
  get sent(): number {
    return this.#publishers.sent;
  }

  /**
   * Publishes at a rate until {@link stop}.
   *
   * @param turnMs between two frames
   */
  start(rate: number, turnMs: number): void {
    this.#publishers.startPaced({ rate, frameUpdates: FRAME_UPDATES, turnMs });
  }

  stop(): void {
    this.#publishers.stop();
  }

  /** Waits, failing early on a lost connection. */
  async pass(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#run.signal });
    this.#publishers.check();
  }

  warmUp(): Promise<void> {
    return this.pass(Math.min(WARM_UP_MS_MAX, this.#run.seconds * 1000));
  }

  window(): Promise<void> {
    return this.pass(this.#run.seconds * 1000);
  }

  /** The part of what is due since {@link start} that has not arrived, ticks. */
  async backlog(): Promise<number> {
    const due = this.#publishers.expectedDeliveries(COUNTS);
    const { updates } = await this.subscribers.snapshot();
    return (due - (updates - this.#before)) / DELIVERIES_PER_TICK;
  }

  /**
   * Waits until everything that was sent has arrived, as far as can be told.
   *
   * @throws Error when updates still arrive after a long time
   */
  async settle(): Promise<void> {
    const deadline = performance.now() + QUIET_TIMEOUT_MS;
    let quietSince = performance.now();
    let delivered = -1;
    while (performance.now() - quietSince < QUIET_MS) {
      const { updates } = await this.subscribers.snapshot();
      if (updates !== delivered) quietSince = performance.now();
      if (performance.now() > deadline) throw new Error('updates still arrive');
      delivered = updates;
      await this.pass(QUIET_POLL_MS);
    }
    this.#before = delivered;
  }

  /** Each symbol once, which proves the subscriptions. */
  async #prime(): Promise<void> {
    const { clock } = this.#run;
    await this.#publishers.publishFirsts({
      frameUpdates: FRAME_UPDATES,
      stamp: (times, from, to) => void times.fill(Math.floor(clock.now()), from, to),
    });
    await until(async () => {
      return (await this.subscribers.snapshot()).updates >= PLAN.picks.length;
    }, 'the first updates of all subscriptions');
    await this.settle();
  }
}

const PLAN = planSubscriptions({ ...MARKET, seed: SEED });
const COUNTS = subscribersOf(PLAN, MARKET.symbols);
const DELIVERIES_PER_TICK = PLAN.picks.length / MARKET.symbols;
