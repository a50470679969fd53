import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../testkit/random.ts';
import type { TcpProxy } from '../../testkit/tcp-proxy.ts';
import type { Crowd } from './crowd.ts';
import type { DurableServer } from './durable-server.ts';
import type { HttpLoad } from './http-load.ts';
import type { PublisherHost } from './publisher-host.ts';
import type { ServerApi } from './server-api.ts';
import type { ServerWatch } from './server-watch.ts';

export const DRILLS = ['worker', 'publisher', 'crowd', 'cut', 'restart', 'kill'] as const;
export type Drill = (typeof DRILLS)[number];

/** How often each comes about, once each had its turn; those of the server are the rarest. */
const WEIGHTS: Readonly<Record<Drill, number>> = {
  worker: 4,
  publisher: 3,
  crowd: 2,
  cut: 3,
  restart: 1,
  kill: 1,
};
const RECOVERY_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const AWAY_MS_MAX = 500;
/**
 * A server whose workers die more often than this says that it is not ready, and rightly: so many a
 * minute.
 */
const WORKERS_PER_MINUTE = 4;
const MINUTE_MS = 60_000;
/** A server that comes back has another number of partitions each time, up to this. */
const PARTITIONS_MAX = 3;

/** What drills are done to. */
export interface DrillTargets {
  readonly server: DurableServer;
  readonly api: ServerApi;
  readonly watch: ServerWatch;
  readonly publishers: readonly PublisherHost[];
  readonly crowd: Crowd;
  readonly proxy: TcpProxy;
  readonly http: HttpLoad;
  readonly random: Random;
  /** The longest that a planned stop may take, ms. */
  readonly stopMsMax: number;
  /** How old, at the most, an acknowledgement may be that a killed server takes back, ms. */
  readonly lostMsMax: number;
  /** Whether anomalies may be told before they are on disk. */
  readonly isAsync: boolean;
  readonly violate: (message: string) => void;
}

/** What happened in a drill that took the server away. */
export interface Absence {
  readonly kind: 'restart' | 'kill';
  /** From the signal to the end, and from the start to ready, ms. */
  readonly endMs: number;
  readonly startMs: number;
  /** Ticks that were acknowledged and are gone. */
  readonly lostTicks: number;
  /** How long before the end the oldest of them was acknowledged, ms; 0 where none is gone. */
  readonly lostMs: number;
}

/** The seeded faults of a soak, one after the other: each only when the one before is over. */
export class Drills {
  readonly counts = new Map<Drill, number>();
  readonly absences: Absence[] = [];
  readonly #targets: DrillTargets;
  #turns: Drill[];
  /** When workers were killed, on the clock of `performance.now`. */
  #workersAt: number[] = [];

  constructor(targets: DrillTargets) {
    this.#targets = targets;
    const { random } = targets;
    this.#turns = random.sample(DRILLS.length, DRILLS.length).map((i) => DRILLS[i] as Drill);
  }

  /**
   * Does one at random, and waits until everything goes on. `isServerSpared`: none that takes the
   * server away.
   */
  async next(isServerSpared: boolean): Promise<Drill> {
    const drill = this.#draw(isServerSpared);
    await this.#do(drill);
    await this.recovered(drill);
    this.counts.set(drill, (this.counts.get(drill) ?? 0) + 1);
    return drill;
  }

  /** Resolves once every publisher has a session with the server that runs now. */
  async recovered(after: string): Promise<void> {
    const { api, publishers, violate } = this.#targets;
    const epoch = await api.epoch();
    const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
    const absent = () => publishers.filter((publisher) => publisher.epoch !== epoch);
    while (absent().length > 0 && performance.now() < deadline) await sleep(POLL_MS);
    for (const { name } of absent()) violate(`${name} did not come back after: ${after}`);
  }

  #draw(isServerSpared: boolean): Drill {
    const isPossible = (drill: Drill) => {
      if (drill === 'worker') return this.#isWorkerPossible();
      return !isServerSpared || (drill !== 'restart' && drill !== 'kill');
    };
    const turn = this.#turns.find(isPossible);
    if (turn !== undefined) {
      this.#turns = this.#turns.filter((drill) => drill !== turn);
      return turn;
    }
    const { random } = this.#targets;
    const lots = DRILLS.filter(isPossible).flatMap((drill) =>
      Array<Drill>(WEIGHTS[drill]).fill(drill),
    );
    return lots[random.below(lots.length)] as Drill;
  }

  #isWorkerPossible(): boolean {
    const from = performance.now() - MINUTE_MS;
    this.#workersAt = this.#workersAt.filter((at) => at > from);
    return this.#workersAt.length < WORKERS_PER_MINUTE;
  }

  async #do(drill: Drill): Promise<void> {
    const { server, publishers, crowd, proxy, random } = this.#targets;
    if (drill === 'worker') {
      this.#workersAt.push(performance.now());
      server.killWorker(random.below(1024));
    } else if (drill === 'publisher') {
      const publisher = publishers[random.below(publishers.length)] as PublisherHost;
      await publisher.kill();
      await sleep(random.below(AWAY_MS_MAX));
      publisher.spawn();
    } else if (drill === 'crowd') {
      await crowd.kill();
      await sleep(random.below(AWAY_MS_MAX));
      crowd.spawn();
    } else if (drill === 'cut') {
      proxy.cut();
    } else {
      await this.#takeAway(drill);
    }
  }

  async #takeAway(kind: 'restart' | 'kill'): Promise<void> {
    const { server, api, watch, http, random, violate, stopMsMax, lostMsMax } = this.#targets;
    const lostBefore = this.#lostTicks();
    // What the counters of this process say is gone with it.
    await watch.sample();
    if (kind === 'kill') await this.#announceKill();
    http.serverLeaves();
    const endedAt = performance.now();
    const { exit, durationMs } = await server.end(kind === 'restart' ? 'SIGTERM' : 'SIGKILL');
    if (kind === 'restart' && exit !== 0) violate(`a planned stop ended with ${exit}`);
    if (kind === 'restart' && durationMs > stopMsMax) {
      violate(`a planned stop took ${durationMs.toFixed(0)} ms`);
    }
    await sleep(random.below(AWAY_MS_MAX));
    const partitions = 1 + random.below(PARTITIONS_MAX);
    const startMs = await server.start([`--processing.partitions=${partitions}`]);
    const lostPosts = await http.serverReturned(api);
    await this.recovered(kind);
    const lostTicks = this.#lostTicks() - lostBefore + lostPosts;
    if (kind === 'restart' && lostTicks > 0) {
      violate(`a planned restart lost ${lostTicks} acknowledged ticks`);
    }
    const lostMs = this.#lostMs(endedAt);
    if (lostMs > lostMsMax) {
      violate(`a kill took back what was acknowledged ${lostMs.toFixed(0)} ms before`);
    }
    this.absences.push({ kind, endMs: durationMs, startMs, lostTicks, lostMs });
  }

  /** Tells those who must know what a kill may take back. */
  async #announceKill(): Promise<void> {
    const { api, publishers, crowd, isAsync } = this.#targets;
    if (isAsync) crowd.serverCrashed(await api.epoch());
    for (const publisher of publishers) publisher.serverKilled();
  }

  #lostMs(endedAt: number): number {
    const since = this.#targets.publishers.map(({ lineage }) => lineage.lostSince ?? endedAt);
    return endedAt - Math.min(...since);
  }

  #lostTicks(): number {
    const { publishers } = this.#targets;
    return publishers.reduce(
      (sum, { lineage, frameTicks }) => sum + lineage.lost.length * frameTicks,
      0,
    );
  }
}
