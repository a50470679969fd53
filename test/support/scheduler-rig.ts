import { performance as nodePerformance } from 'node:perf_hooks';
import { onTestFinished, vi } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { ConflationQueue } from '../../src/gateway/fanout/conflation.ts';
import type { FanOut } from '../../src/gateway/fanout/fan-out.ts';
import { FlushScheduler } from '../../src/gateway/fanout/flush-scheduler.ts';
import type { LatencyPolicy } from '../../src/gateway/fanout/pressure.ts';
import type { PublishSession } from '../../src/gateway/ingest/publish-session.ts';

/** Simulated durations, ms. */
interface Durations {
  /** A flush blocks the loop. */
  readonly flushMs: number;
  /** From publishing ticks to their statistics. */
  readonly workerMs: number;
}

/** `stream.latency`, and the utilization of the gateway's thread, 0 to 1. */
export interface Load {
  readonly policy: LatencyPolicy;
  readonly utilization: number;
}

const BUSY: Load = { policy: 'balanced', utilization: 1 };

/** Longest wait by kind of work, ms, without the flushes in between. */
type LongestWaits = Record<'delivery' | 'flush' | 'acknowledgement' | 'credit', number>;

/** A publisher as the scheduler sees it. */
class RigPublisher {
  framesUnacknowledged = 0;
  acknowledgedAt = Number.NEGATIVE_INFINITY;
  wasPipelined = false;
  acknowledgements = 0;
  /** Arrival of the oldest unacknowledged frame. */
  frameAt = Number.POSITIVE_INFINITY;
  readonly #rig: SchedulerRig;

  constructor(rig: SchedulerRig) {
    this.#rig = rig;
  }

  acknowledge(): void {
    this.framesUnacknowledged = 0;
    this.acknowledgements++;
    this.#rig.waited('acknowledgement', this.frameAt);
    this.frameAt = Number.POSITIVE_INFINITY;
  }

  offerCredit(): void {
    this.#rig.waited('credit', this.#rig.spaceAt);
    this.#rig.spaceAt = Number.POSITIVE_INFINITY;
  }
}

/**
 * A FlushScheduler on a virtual clock, to test what it decides and when. Engine, fan-out and
 * publishers are reduced to state: ticks offered, queued, changed; frames; a doorbell that rings
 * only while armed.
 */
export class SchedulerRig {
  readonly longest: LongestWaits = { delivery: 0, flush: 0, acknowledgement: 0, credit: 0 };
  readonly conflation = new ConflationQueue();
  flushes = 0;
  /** Once, news arrives right before the doorbell is armed: nothing rings. */
  hasNewsBeforeArming = false;
  /** Start of the oldest wait by kind; infinite without one. */
  offeredAt = Number.POSITIVE_INFINITY;
  newsAt = Number.POSITIVE_INFINITY;
  spaceAt = Number.POSITIVE_INFINITY;
  readonly #durations: Durations;
  readonly #publishers = new Set<PublishSession>();
  readonly #scheduler: FlushScheduler;
  readonly #engine: Pick<
    Engine,
    | 'applyTicks'
    | 'armDoorbell'
    | 'channelCapacity'
    | 'publishTicks'
    | 'hasNews'
    | 'isBusy'
    | 'offered'
  >;
  #queued = 0;
  #onRing: (() => void) | undefined;
  #workerTimers = 0;
  /** Time the loop was blocked, ms: unknown to the timers' clock. */
  #stoodMs = 0;

  constructor(durations: Durations, channelCapacity = 65_536, { policy, utilization } = BUSY) {
    // A failed property run may have left its rig.
    this.end();
    vi.useFakeTimers({
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setImmediate',
        'clearImmediate',
        'performance',
        'Date',
      ],
    });
    onTestFinished(() => this.end());
    const now = performance.now.bind(performance);
    vi.spyOn(nodePerformance, 'eventLoopUtilization').mockImplementation(() => {
      const idle = (1 - utilization) * now();
      return { idle, active: now() - idle, utilization };
    });
    vi.spyOn(performance, 'now').mockImplementation(() => now() + this.#stoodMs);
    this.#durations = durations;
    this.#engine = {
      channelCapacity,
      offered: 0,
      applyTicks: () => this.#deliver(),
      publishTicks: () => this.#deliver(),
      hasNews: () => this.newsAt < Number.POSITIVE_INFINITY,
      isBusy: () => this.#engine.offered + this.#queued > 0 || this.#engine.hasNews(),
      armDoorbell: (onRing) => {
        if (this.hasNewsBeforeArming) this.newsAt = Math.min(this.newsAt, Date.now());
        this.hasNewsBeforeArming = false;
        this.#onRing = onRing;
        return this.#engine.hasNews();
      },
    };
    const fanOut: Pick<FanOut, 'hasNews' | 'isHeld' | 'run' | 'takeRaised' | 'updatesPerMessage'> =
      {
        hasNews: () => this.#engine.hasNews(),
        isHeld: false,
        updatesPerMessage: 10,
        takeRaised: () => {},
        run: () => {
          this.#flush();
          // Longer flushes carry more messages: about one in 10 µs.
          return 100 * this.#durations.flushMs;
        },
      };
    this.#scheduler = new FlushScheduler(
      this.#engine as Engine,
      fanOut as FanOut,
      this.conflation,
      this.#publishers,
      policy,
    );
    this.#scheduler.schedule();
  }

  /** Restores the clock. */
  end(): void {
    vi.restoreAllMocks();
    vi.useRealTimers();
  }

  publisher(): RigPublisher {
    const publisher = new RigPublisher(this);
    this.#publishers.add(publisher as unknown as PublishSession);
    return publisher;
  }

  /** A frame arrives. */
  frame(publisher: RigPublisher, ticks = 1, isUrgent = false): void {
    this.#offer(ticks);
    publisher.frameAt = Math.min(publisher.frameAt, Date.now());
    this.#scheduler.acknowledgementDue(publisher as unknown as PublishSession, isUrgent);
  }

  /** Ticks arrive by HTTP, which acknowledges itself. */
  posted(ticks = 1): void {
    this.#offer(ticks);
    this.#scheduler.schedule();
  }

  close(publisher: RigPublisher): void {
    const session = publisher as unknown as PublishSession;
    this.#publishers.delete(session);
    this.#scheduler.forget(session);
    publisher.frameAt = Number.POSITIVE_INFINITY;
    this.#scheduler.schedule();
  }

  /** One turn of the loop without time passing. */
  turn(): Promise<unknown> {
    return vi.advanceTimersByTimeAsync(0);
  }

  pass(ms: number): Promise<unknown> {
    return vi.advanceTimersByTimeAsync(ms);
  }

  /** Pending timers and immediates: what would wake an idle loop. */
  get pending(): number {
    return vi.getTimerCount() - this.#workerTimers;
  }

  get isArmed(): boolean {
    return this.#onRing !== undefined;
  }

  /** Records the end of a wait since `from`. */
  waited(kind: keyof LongestWaits, from: number): void {
    if (from === Number.POSITIVE_INFINITY) return;
    this.longest[kind] = Math.max(this.longest[kind], Date.now() - from);
  }

  /** Records waits still in progress. */
  look(): void {
    this.waited('delivery', this.offeredAt);
    this.waited('flush', this.newsAt);
    if (this.#publishers.size > 0) this.waited('credit', this.spaceAt);
    for (const publisher of this.#publishers) {
      this.waited('acknowledgement', (publisher as unknown as RigPublisher).frameAt);
    }
  }

  #offer(ticks: number): void {
    if (ticks === 0) return;
    this.#engine.offered += ticks;
    this.offeredAt = Math.min(this.offeredAt, Date.now());
  }

  #deliver(): void {
    const { offered } = this.#engine;
    if (offered === 0) return;
    this.#engine.offered = 0;
    this.#queued += offered;
    this.waited('delivery', this.offeredAt);
    this.offeredAt = Number.POSITIVE_INFINITY;
    this.#workerTimers++;
    setTimeout(() => this.#apply(offered), this.#durations.workerMs);
  }

  #apply(ticks: number): void {
    this.#workerTimers--;
    this.#queued -= ticks;
    this.newsAt = Math.min(this.newsAt, Date.now());
    this.spaceAt = Math.min(this.spaceAt, Date.now());
    const onRing = this.#onRing;
    this.#onRing = undefined;
    if (onRing !== undefined) queueMicrotask(onRing);
  }

  #flush(): void {
    this.flushes++;
    this.#stoodMs += this.#durations.flushMs;
    this.waited('flush', this.newsAt);
    this.newsAt = Number.POSITIVE_INFINITY;
  }
}
