import { SimulatedPublisher } from './clients/publisher.ts';
import { SimulatedSubscriber } from './clients/subscriber.ts';
import { Thread } from './core/scheduler.ts';
import { takeViolation, Violation } from './core/violation.ts';
import { watchPartitions } from './oracles/partition-watch.ts';
import { SimulatedServer } from './server/simulated-server.ts';
import { World } from './world.ts';

/** A run. */
export interface SimulationOptions {
  readonly seed: number;
  /** Events after which it comes to rest and ends. */
  readonly steps: number;
}

/** What a run came to. */
export interface Outcome {
  readonly steps: number;
  /** Of everything that happened: the same in every run of the seed. */
  readonly hash: string;
  /** On the virtual clock, ms. */
  readonly virtualMs: number;
  readonly failure: Failure | undefined;
  /** The last events, oldest first. */
  readonly trace: readonly string[];
  readonly tally: Tally;
}

/** What happened how often. */
export interface Tally {
  readonly ticksApplied: number;
  readonly anomalies: number;
  readonly workerDeaths: number;
  readonly crashes: number;
  readonly stops: number;
  readonly rests: number;
}

export interface Failure {
  readonly step: number;
  readonly oracle: string;
  readonly detail: string;
}

/** Events between two times of rest. */
const RESTS_EVERY = 25_000;
/** Everything must have come to rest within this virtual time, ms, and this many events. */
const REST_MS_MAX = 60_000;
const REST_STEPS_MAX = 200_000;
const REST_LOOKS_EVERY = 64;
const RESTART_MS_MAX = 500;
const CLOCK_JUMPS_MS = [-3_600_000, -5000, -300, 300, 5000, 3_600_000];

const nextTurn = setImmediate;

/** One run: a world, a server in it that is started anew whenever it ends, and what befalls both. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  #server: SimulatedServer;
  #publishers: SimulatedPublisher[] = [];
  #subscribers: SimulatedSubscriber[] = [];
  #crashes = 0;
  #stops = 0;
  #rests = 0;
  /** What went wrong in code that nobody waits for. */
  #lost: unknown;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#world = new World(options.seed);
    this.#server = new SimulatedServer(this.#world);
  }

  async run(): Promise<Outcome> {
    const { atomics, globals, oracle } = this.#world;
    const undo = [
      globals.install(atomics.take()),
      watchPartitions(oracle.engine),
      this.#watchPromises(),
    ];
    takeViolation();
    let failure: Failure | undefined;
    try {
      this.#populate();
      await this.#runToEnd();
    } catch (error) {
      failure = this.#failureOf(error);
    } finally {
      for (const back of undo) back();
    }
    const { scheduler, trace } = this.#world;
    return {
      steps: scheduler.steps,
      hash: (trace.hash >>> 0).toString(16).padStart(8, '0'),
      virtualMs: scheduler.now,
      failure,
      trace: trace.last(),
      tally: this.#tally(),
    };
  }

  /** Also what goes wrong where nobody waits ends the run. Returns how to look away again. */
  #watchPromises(): () => void {
    const onRejection = (error: unknown) => {
      this.#lost ??= error;
    };
    process.on('unhandledRejection', onRejection);
    return () => process.off('unhandledRejection', onRejection);
  }

  #tally(): Tally {
    const { anomaliesTaken, ticksApplied } = this.#world.oracle.engine;
    return {
      ticksApplied,
      anomalies: anomaliesTaken,
      workerDeaths: this.#world.deaths,
      crashes: this.#crashes,
      stops: this.#stops,
      rests: this.#rests,
    };
  }

  #failureOf(thrown: unknown): Failure {
    // What an oracle saw first may have led to the rest.
    const error = takeViolation() ?? thrown;
    const { steps } = this.#world.scheduler;
    if (error instanceof Violation) {
      return { step: steps, oracle: error.oracle, detail: error.message };
    }
    const { message, stack } = asError(error);
    return { step: steps, oracle: 'nothing throws', detail: stack ?? message };
  }

  #populate(): void {
    const { scenario } = this.#world;
    this.#startServer();
    for (let i = 0; i < scenario.publishers; i++) {
      this.#publishers.push(new SimulatedPublisher(this.#world, `feed-${i}`));
    }
    for (let i = 0; i < scenario.subscribers; i++) {
      this.#subscribers.push(new SimulatedSubscriber(this.#world, i));
    }
    const { everyMs } = scenario;
    this.#befall('a worker dies', everyMs.workerDeath, () => this.#killWorker());
    this.#befall('the process dies', everyMs.crash, () => this.#crash());
    this.#befall('the server is stopped', everyMs.stop, () => this.#stop());
    this.#befall('the clock jumps', everyMs.clockJump, () => this.#jump());
    this.#befall('the disk fails', everyMs.storeFault, () => this.#failDisk());
  }

  async #runToEnd(): Promise<void> {
    const { scheduler } = this.#world;
    let restAt = RESTS_EVERY;
    while (scheduler.steps < this.#options.steps) {
      await this.#step();
      if (scheduler.steps < restAt) continue;
      await this.#rest();
      restAt = scheduler.steps + RESTS_EVERY;
    }
    await this.#rest();
  }

  async #step(): Promise<void> {
    const { oracle, scheduler } = this.#world;
    do {
      if (!scheduler.step()) throw new Violation('something always happens', 'no event is left');
      if (this.#lost !== undefined) throw asError(this.#lost);
      const violation = takeViolation();
      if (violation !== undefined) throw violation;
      if (this.#server.isServing) oracle.engine.checkNews();
    } while (!scheduler.hasMicrotasks && scheduler.steps % REST_LOOKS_EVERY !== 0);
    if (!scheduler.hasMicrotasks) return;
    scheduler.hasMicrotasks = false;
    // What follows of promises is done before anything else happens.
    await new Promise<void>((resolve) => {
      nextTurn(resolve);
    });
  }

  /** Something that happens again and again, on average every `meanMs`, unless everybody is to behave. */
  #befall(label: string, meanMs: number, happen: () => void): void {
    const { random, scheduler } = this.#world;
    const delayMs = -Math.log(1 - random.share()) * meanMs;
    scheduler.after(delayMs, Thread.ALONE, label, () => {
      this.#befall(label, meanMs, happen);
      if (!this.#world.isCalm) happen();
    });
  }

  #startServer(): void {
    this.#world.scheduler.process++;
    const server = new SimulatedServer(this.#world);
    this.#server = server;
    this.#world.workers = () => server.workers;
    this.#detach(server.start());
  }

  #killWorker(): void {
    // The threads of a process end with it.
    if (!this.#server.isAlive) return;
    const alive = this.#server.workers.filter(({ isDead }) => !isDead);
    if (alive.length > 0) this.#world.random.pick(alive).doom();
  }

  #crash(): void {
    if (!this.#server.isAlive) return;
    this.#crashes++;
    this.#endProcess();
  }

  #stop(): void {
    if (!this.#server.isServing) return;
    this.#stops++;
    const server = this.#server;
    const stopped = server.stop().then(() => {
      if (server.isAlive) this.#endProcess();
    });
    this.#detach(stopped);
  }

  /** The process is gone; another one starts before long. */
  #endProcess(): void {
    const { atomics, network, oracle, random, scheduler } = this.#world;
    this.#server.end();
    scheduler.process++;
    atomics.forget();
    network.cut();
    oracle.lost();
    const delayMs = RESTART_MS_MAX * random.share();
    scheduler.after(delayMs, Thread.ALONE, 'the server is started', () => this.#startServer());
  }

  #jump(): void {
    const { globals, oracle, random } = this.#world;
    const ms = random.pick(CLOCK_JUMPS_MS);
    globals.wallOffset += ms;
    oracle.jumped(ms);
  }

  #failDisk(): void {
    const { disk, random } = this.#world;
    disk.fault = random.isLucky(0.5) ? 'the disk is full' : undefined;
  }

  #detach(work: Promise<unknown>): void {
    this.#world.scheduler.hasMicrotasks = true;
    work.catch((error: unknown) => {
      this.#lost = error;
      this.#world.scheduler.hasMicrotasks = true;
    });
  }

  /** Everybody behaves until nothing moves any more; then everything must agree. */
  async #rest(): Promise<void> {
    const { disk, scheduler } = this.#world;
    this.#world.isCalm = true;
    disk.fault = undefined;
    const end = scheduler.now + REST_MS_MAX;
    const endStep = scheduler.steps + REST_STEPS_MAX;
    let hasAsked = false;
    for (;;) {
      await this.#step();
      const unrest = this.#unrest();
      if (unrest === undefined && hasAsked) break;
      if (unrest === undefined) {
        hasAsked = true;
        for (const subscriber of this.#subscribers) subscriber.verify();
        await this.#pass(20);
      }
      if (scheduler.now > end || scheduler.steps > endStep) {
        throw new Violation('everything comes to rest', unrest ?? 'VERIFY');
      }
    }
    this.#checkAll();
    this.#rests++;
    this.#world.isCalm = false;
  }

  async #pass(ms: number): Promise<void> {
    const { scheduler } = this.#world;
    const end = scheduler.now + ms;
    while (scheduler.now < end) await this.#step();
  }

  /** What still moves, in words. */
  #unrest(): string | undefined {
    if (!this.#server.isServing) return 'the server does not serve';
    if (this.#world.oracle.engine.quietly(() => this.#world.oracle.engine.engine.isBusy())) {
      return 'the engine is busy';
    }
    for (const publisher of this.#publishers) {
      if (publisher.unrest !== undefined) return publisher.unrest;
    }
    for (const subscriber of this.#subscribers) {
      if (subscriber.unrest !== undefined) return subscriber.unrest;
    }
    if (this.#server.waitingAnomalies > 0) return 'anomalies wait for the disk';
    return undefined;
  }

  #checkAll(): void {
    const { disk, oracle, scenario } = this.#world;
    const { engine } = oracle;
    engine.checkRows();
    for (const [partition] of engine.queues.entries()) engine.checkCounters(partition);
    for (const [symbolId, model] of engine.byId.entries()) {
      const drained = engine.drained[symbolId];
      if (drained === model.lastAnomaly) continue;
      const detail = `${engine.nameOf(symbolId)}: ${drained} of ${model.lastAnomaly} were taken`;
      throw new Violation('anomalies are complete', detail);
    }
    if (scenario.config.store.directory === '') return;
    for (const [symbolId, model] of engine.byId.entries()) {
      const stored = disk.lastSequence(engine.nameOf(symbolId));
      if (stored === model.lastAnomaly || model.lastAnomaly === engine.drainedFrom[symbolId])
        continue;
      const detail = `${engine.nameOf(symbolId)}: ${stored} of ${model.lastAnomaly} are on disk`;
      throw new Violation('the store gets every anomaly', detail);
    }
  }
}

/** Whatever was thrown, as an error: code of others may throw anything. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
