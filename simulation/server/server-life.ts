import { Thread } from '../core/scheduler.ts';
import type { World } from '../world.ts';
import { DISK_OPERATIONS, JOURNAL_OPERATIONS } from './simulated-disk.ts';
import { PLANTED } from './simulated-segments.ts';
import { SimulatedServer } from './simulated-server.ts';

const RESTART_MS_MAX = 500;
/** How likely a worker that can dies at an access to shared memory. */
const MIDST = 0.9;
const CLOCK_JUMPS_MS = [300, 5000, 3_600_000, 31 * 86_400_000].flatMap((ms) => [-ms, ms]);
/** Times that an operation of the disk fails, before it succeeds again. */
const FAILURES_MAX = 4;
const SLOWNESS_MAX = 10;
/** How long processes and threads are paused, ms. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 30_000;

/** A server that is restarted whenever it ends, and the faults injected into it. */
export class ServerLife {
  /** Processes that were killed, and those that were told to stop. */
  crashes = 0;
  stops = 0;
  /** Starts that failed, because the disk did. */
  refusals = 0;
  readonly #world: World;
  #server: SimulatedServer;

  constructor(world: World) {
    this.#world = world;
    this.#server = new SimulatedServer(world);
  }

  /** The one that runs now, or did last. */
  get server(): SimulatedServer {
    return this.#server;
  }

  /** Starts the first one. */
  begin(): void {
    this.#startServer();
  }

  /** Injects faults from now on. */
  expose(): void {
    const { everyMs } = this.#world.scenario;
    this.#inject('a worker dies', everyMs.workerDeath, () => this.#killWorker());
    this.#inject('the process dies', everyMs.crash, () => this.#crash());
    this.#inject('the server is stopped', everyMs.stop, () => this.#stop());
    this.#inject('the clock jumps', everyMs.clockJump, () => this.#jump());
    this.#inject('the server is paused', everyMs.pause, () => this.#pause());
    // A worker in the middle of a step may wait for the disk: nothing else would mend it.
    this.#inject('the disk fails', everyMs.storeFault, () => this.#failDisk(), Thread.OUTSIDE);
  }

  /** Injects a fault every `meanMs` on average, except while things come to rest. */
  #inject(label: string, meanMs: number, happen: () => void, thread: number = Thread.ALONE): void {
    const { random, scheduler } = this.#world;
    const delayMs = -Math.log(1 - random.float()) * meanMs;
    scheduler.after(delayMs, thread, label, () => {
      this.#inject(label, meanMs, happen, thread);
      if (!this.#world.isCalm) happen();
    });
  }

  #startServer(): void {
    this.#world.scheduler.process++;
    const server = new SimulatedServer(this.#world);
    this.#server = server;
    this.#world.workers = () => server.workers;
    this.#world.blocked = () => server.makeSpace();
    this.#world.detach(server.start().catch((error: unknown) => this.#refuse(server, error)));
  }

  /** A start that meets a disk that fails ends its process. */
  #refuse(server: SimulatedServer, error: unknown): void {
    const isOfDisk =
      error instanceof Error && (error.message.includes(PLANTED) || error.name === 'JournalError');
    if (!isOfDisk) throw error;
    this.refusals++;
    if (server.isAlive) this.#endProcess();
  }

  #killWorker(): void {
    // The threads of a process end with it.
    if (!this.#server.isAlive || this.#world.scheduler.isPaused) return;
    const { random } = this.#world;
    const alive = this.#server.workers.filter(({ isDead }) => !isDead);
    const watched = alive.filter(({ isWatched }) => isWatched);
    // Those that can die in the middle of something mostly do; between two batches there is little
    // to be lost.
    const candidates = watched.length > 0 && random.chance(MIDST) ? watched : alive;
    if (candidates.length > 0) random.pick(candidates).doom();
  }

  #crash(): void {
    if (!this.#server.isAlive) return;
    this.crashes++;
    this.#endProcess();
  }

  #stop(): void {
    // A signal waits for a process that is paused.
    if (!this.#server.isServing || this.#world.scheduler.isPaused) return;
    this.stops++;
    const server = this.#server;
    const stopped = server.stop().then(() => {
      if (server.isAlive) this.#endProcess();
    });
    this.#world.detach(stopped);
  }

  /** The process is gone; another one starts before long. */
  #endProcess(): void {
    const { atomics, journal, network, oracle, random, scheduler, segments } = this.#world;
    this.#server.end();
    journal.dying();
    segments.crash(random.chance(0.5) ? 'power' : 'process');
    journal.died();
    scheduler.process++;
    scheduler.resume();
    atomics.forget();
    network.cut();
    oracle.lost();
    const delayMs = RESTART_MS_MAX * random.float();
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
    disk.slowness = random.chance(0.2) ? 1 + SLOWNESS_MAX * random.float() : 1;
    disk.fault = undefined;
    if (random.chance(0.4)) return;
    const operations = random.chance(0.3) ? JOURNAL_OPERATIONS : DISK_OPERATIONS;
    const operation = random.pick([...operations, 'any write'] as const);
    const left = random.chance(0.5) ? random.between(1, FAILURES_MAX) : Number.POSITIVE_INFINITY;
    disk.fault = { operation, left };
  }

  /** Stops the whole process for a while, or one worker of it. */
  #pause(): void {
    const { random, scheduler } = this.#world;
    if (!this.#server.isServing) return;
    const ms = random.logUniform(PAUSE_MS_MIN, PAUSE_MS_MAX);
    const workers = this.#server.workers.length;
    if (random.chance(0.5) || workers === 0) scheduler.pause(ms);
    else scheduler.pause(ms, Thread.MAIN + 1 + random.below(workers));
  }
}
