import { setTimeout as sleep } from 'node:timers/promises';
import type { DrillContext, DrillTargets, TakeAwayOptions } from './drill-targets.ts';
import { jumpClock } from './faults/clock-drill.ts';
import { type DiskFindings, failDisk } from './faults/disk-drill.ts';
import { pauseLong, pauseProcess } from './faults/pause-drill.ts';
import type { PublisherHost } from './publisher-host.ts';

export const DRILLS = [
  'worker',
  'publisher',
  'crowd',
  'cut',
  'restart',
  'kill',
  'disk',
  'pause',
  'clock',
] as const;
export type Drill = (typeof DRILLS)[number];

/** How often each comes about, once each had its turn; those of the server are the rarest. */
const WEIGHTS: Readonly<Record<Drill, number>> = {
  worker: 4,
  publisher: 3,
  crowd: 2,
  cut: 3,
  restart: 1,
  kill: 1,
  disk: 4,
  pause: 2,
  clock: 2,
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
  /** How often each was done, by what it was. */
  readonly counts = new Map<string, number>();
  readonly absences: Absence[] = [];
  readonly disk: DiskFindings = { faults: 0, noticed: 0, mendedMs: 0 };
  readonly #targets: DrillTargets;
  readonly #chosen: readonly Drill[];
  #wasSpared = false;
  #turns: Drill[];
  /** When workers were killed, on the clock of `performance.now`. */
  #workersAt: number[] = [];

  /** @param chosen those to do */
  constructor(targets: DrillTargets, chosen: readonly Drill[]) {
    this.#targets = targets;
    this.#chosen = chosen;
    const { random } = targets;
    this.#turns = random.sample(chosen.length, chosen.length).map((i) => chosen[i] as Drill);
  }

  /**
   * Does one at random, and waits until everything goes on. `isServerSpared`: none that takes the
   * server away. Returns what it was; undefined where there is none to do.
   */
  async next(isServerSpared: boolean): Promise<string | undefined> {
    const isFirst = isServerSpared && !this.#wasSpared && this.#chosen.includes('pause');
    this.#wasSpared = isServerSpared;
    const drill = isFirst ? 'pause' : this.#draw(isServerSpared);
    if (drill === undefined) return undefined;
    // What a long pause makes it keep is there before its growth is judged.
    const what = isFirst
      ? await pauseLong(this.#context(isServerSpared))
      : await this.#do(drill, isServerSpared);
    await this.recovered(what);
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    return what;
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

  #draw(isServerSpared: boolean): Drill | undefined {
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
    const lots = this.#chosen
      .filter(isPossible)
      .flatMap((drill) => Array<Drill>(WEIGHTS[drill]).fill(drill));
    return lots[random.below(lots.length)];
  }

  #isWorkerPossible(): boolean {
    const from = performance.now() - MINUTE_MS;
    this.#workersAt = this.#workersAt.filter((at) => at > from);
    return this.#workersAt.length < WORKERS_PER_MINUTE;
  }

  async #do(drill: Drill, isServerSpared: boolean): Promise<string> {
    const { server, publishers, crowd, proxy, random } = this.#targets;
    if (drill === 'worker') {
      this.#workersAt.push(performance.now());
      await server.killWorker(random.below(1024));
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
    } else if (drill === 'restart' || drill === 'kill') {
      await this.#takeAway(drill);
    } else {
      const context = this.#context(isServerSpared);
      if (drill === 'disk') return failDisk(context, this.disk);
      return drill === 'pause' ? pauseProcess(context) : jumpClock(context);
    }
    return drill;
  }

  #context(isServerSpared: boolean): DrillContext {
    return { ...this.#targets, isServerSpared, takeAway: this.#takeAway.bind(this) };
  }

  async #takeAway(
    kind: 'restart' | 'kill',
    { meanwhile, unsavedMs = 0 }: TakeAwayOptions = {},
  ): Promise<void> {
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
    await meanwhile?.();
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
    if (lostMs > lostMsMax + unsavedMs) {
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
