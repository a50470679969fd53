import { SimulatedPublisher } from './clients/publisher.ts';
import { SimulatedSubscriber } from './clients/subscriber.ts';
import { asError, breakOff, takeViolation, Violation } from './core/violation.ts';
import { checkAtRest } from './oracles/check-at-rest.ts';
import { watchPartitions } from './oracles/engine-oracle.ts';
import { watchGatewaySteps } from './server/gateway-steps.ts';
import { ServerLife } from './server/server-life.ts';
import { standIn } from './server/virtual-atomics.ts';
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
  /** A hash of everything that happened: the same in every run of the seed. */
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
  readonly gatewayBatches: number;
  readonly gatewayFailures: number;
  readonly crashes: number;
  readonly stops: number;
  readonly rests: number;
  /** Starts that a disk refused; ticks that starts replayed; gaps and torn ends of the journal. */
  readonly refusals: number;
  readonly replayed: number;
  readonly gaps: number;
  readonly torn: number;
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

const nextTurn = setImmediate;

/**
 * One run: a world, a server in it that is started anew whenever it ends, and what befalls both.
 */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #life: ServerLife;
  #publishers: SimulatedPublisher[] = [];
  #subscribers: SimulatedSubscriber[] = [];
  #rests = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#world = new World(options.seed);
    this.#life = new ServerLife(this.#world);
  }

  async run(): Promise<Outcome> {
    const { atomics, globals, oracle } = this.#world;
    const undo = [
      globals.install(standIn(atomics)),
      watchPartitions(oracle.engine),
      watchGatewaySteps(this.#world),
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

  /** Unhandled rejections end the run too. Returns how to stop watching them. */
  #watchPromises(): () => void {
    const onRejection = (error: unknown) => {
      this.#world.lost ??= error;
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
      gatewayBatches: this.#world.gatewayBatches,
      gatewayFailures: this.#world.gatewayFailures,
      crashes: this.#life.crashes,
      stops: this.#life.stops,
      rests: this.#rests,
      refusals: this.#life.refusals,
      ...this.#world.journal.tally,
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
    this.#life.begin();
    for (let i = 0; i < scenario.publishers; i++) {
      this.#publishers.push(new SimulatedPublisher(this.#world, `feed-${i}`));
    }
    for (let i = 0; i < scenario.subscribers; i++) {
      this.#subscribers.push(new SimulatedSubscriber(this.#world, i));
    }
    this.#life.expose();
  }

  async #runToEnd(): Promise<void> {
    const { scheduler } = this.#world;
    let restAt = RESTS_EVERY;
    while (scheduler.steps < this.#options.steps) {
      await this.#step();
      if (scheduler.steps < restAt && !this.#world.isRestDue) continue;
      await this.#rest();
      restAt = scheduler.steps + RESTS_EVERY;
    }
    await this.#rest();
  }

  async #step(): Promise<void> {
    const { oracle, scheduler } = this.#world;
    do {
      if (!scheduler.step()) breakOff('something always happens', 'no event is left');
      if (this.#world.lost !== undefined) throw asError(this.#world.lost);
      const violation = takeViolation();
      if (violation !== undefined) throw violation;
      if (this.#life.server.isServing) oracle.engine.checkNews();
    } while (!scheduler.hasMicrotasks && scheduler.steps % REST_LOOKS_EVERY !== 0);
    if (!scheduler.hasMicrotasks) return;
    scheduler.hasMicrotasks = false;
    // What follows of promises is done before anything else happens.
    await new Promise<void>((resolve) => {
      nextTurn(resolve);
    });
  }

  /** No faults until nothing moves any more; then everything must agree. */
  async #rest(): Promise<void> {
    const { disk, scheduler } = this.#world;
    this.#world.isCalm = true;
    this.#world.isRestDue = false;
    disk.fault = undefined;
    disk.slowness = 1;
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
        breakOff('everything comes to rest', unrest ?? 'VERIFY');
      }
    }
    checkAtRest(this.#world);
    this.#rests++;
    this.#world.isCalm = false;
  }

  async #pass(ms: number): Promise<void> {
    const { scheduler } = this.#world;
    const end = scheduler.now + ms;
    while (scheduler.now < end) await this.#step();
  }

  /** What still moves; undefined at rest. */
  #unrest(): string | undefined {
    const { server } = this.#life;
    const { engine } = this.#world.oracle;
    if (!server.isServing) return 'the server does not serve';
    if (engine.quietly(() => engine.engine.isBusy())) {
      return 'the engine is busy';
    }
    for (const publisher of this.#publishers) {
      if (publisher.unrest !== undefined) return publisher.unrest;
    }
    for (const subscriber of this.#subscribers) {
      if (subscriber.unrest !== undefined) return subscriber.unrest;
    }
    if (server.waitingAnomalies > 0) return 'anomalies wait for the disk';
    if (server.waitingEntries > 0) return 'entries of the journal wait for the disk';
    return undefined;
  }
}
