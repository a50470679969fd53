import type { ServedEngine } from '../../engine/index.ts';
import { Acknowledgements } from '../ingest/acknowledgements.ts';
import type { PublisherSession } from '../sessions/session.ts';
import type { ConflationQueue } from './conflation.ts';
import type { FanOut } from './fan-out.ts';
import { type LatencyPolicy, Pressure } from './pressure.ts';
import type { SyncedPublication } from './synced-publication.ts';

/*
 * All intervals below are those at full pressure: while this thread has time to spare there are
 * none, see `pressure.ts`.
 */

/**
 * After a flush, the thread rests for a multiple of the flush's duration; meanwhile it reads
 * sockets and takes ticks. Up to FEW_MESSAGES the multiple is one half. Beyond, it grows with the
 * number of messages, so that hundreds of sessions get few, full messages.
 */
const FEW_MESSAGES = 64;
const REST_PER_FLUSH_MIN = 0.5;
const REST_PER_FLUSH_MAX = 6;
const REST_PER_MESSAGE = 1 / 24;
/** Longest rest, ms. */
const REST_MS_MAX = 20;
/** Minimum time between two publications of ticks to the workers, ms. */
const PUBLISH_MS = 0.75;
/** The same, and the minimum time between flushes, while every session conflates, ms. */
const CONFLATED_MS = 8;
/**
 * In a rest longer than LONG_REST_MS, ticks are published once, LEAD_MS before the flush that shows
 * them: ample time for the workers.
 */
const LEAD_MS = 1;
const LONG_REST_MS = 4;
/** Ticks that are published without delay: waking the workers for so many costs next to nothing. */
const PUBLISH_TICKS = 1024;
/** When sending ACKs, also publish ticks due within this time, ms. */
const ACK_SLACK_MS = 2;
/** Interval of checks whether a full store takes anomalies again, ms. */
const HELD_MS = 10;

/**
 * The gateway's work between reading sockets, at most once an iteration of the event loop: publish
 * ticks to the workers, acknowledge frames, fan out changes.
 *
 * Each step costs system calls (waking threads, sending messages) however little there is to do.
 * Under load the steps therefore run at intervals, short enough to go unnoticed and long enough to
 * find plenty to do. When idle, nothing runs until the doorbell rings.
 */
export class FlushScheduler {
  readonly #engine: ServedEngine;
  readonly #fanOut: FanOut;
  readonly #conflation: ConflationQueue;
  readonly #publishers: ReadonlySet<PublisherSession>;
  readonly #publishTicks: number;
  readonly #pressure: Pressure;
  readonly #synced: SyncedPublication | undefined;
  readonly #acknowledgements = new Acknowledgements();
  #isScheduled = false;
  /** Whether a publisher is about to run out of credit. */
  #isUrgent = false;
  /**
   * Earliest time of the next publication and the next flush, on the clock of `performance.now`,
   * ms.
   */
  #publishAt = 0;
  #flushAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(
    engine: ServedEngine,
    fanOut: FanOut,
    conflation: ConflationQueue,
    publishers: ReadonlySet<PublisherSession>,
    latency: LatencyPolicy,
    synced?: SyncedPublication,
  ) {
    this.#synced = synced;
    this.#pressure = new Pressure(latency);
    this.#engine = engine;
    this.#fanOut = fanOut;
    this.#conflation = conflation;
    this.#publishers = publishers;
    this.#publishTicks = Math.min(PUBLISH_TICKS, engine.channelCapacity / 4);
  }

  /** Length of the intervals, 0 to 1: see {@link Pressure}. */
  get pressure(): number {
    return this.#pressure.value;
  }

  /** Schedules the due work for the end of this iteration of the event loop. Idempotent. */
  readonly schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  };

  /**
   * A session has frames to acknowledge or ticks to publish.
   *
   * @param isUrgent whether it will soon have to wait for credit
   */
  acknowledgementDue(session: PublisherSession, isUrgent: boolean): void {
    this.#acknowledgements.add(session);
    if (isUrgent) this.#isUrgent = true;
    const isAwaited = this.#timerAt <= Math.min(this.#publishAt, this.#acknowledgements.dueAt);
    if (!isAwaited || isUrgent || this.#engine.offered >= this.#publishTicks) this.schedule();
  }

  /** The engine was given the clock, which is published like ticks. */
  publishClock(): void {
    this.#synced?.request();
  }

  forget(session: PublisherSession): void {
    this.#acknowledgements.forget(session);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    const now = performance.now();
    this.#pressure.update(now);
    this.#synced?.tryPublish();
    const isFlushDue = now >= this.#flushAt;
    if (this.#isUrgent || now >= this.#acknowledgements.dueAt || this.#isPublishDue(now)) {
      if (this.#isUrgent || this.#isPublishDue(now + ACK_SLACK_MS)) this.#publish(now);
      this.#acknowledgements.send(now, this.#isUrgent);
    }
    this.#isUrgent = false;
    if (isFlushDue && this.#fanOut.hasNews()) this.#flush(now);
    const isResting = now < this.#flushAt && this.#engine.isBusy();
    // A rest has a timer: a ring would only cost system calls.
    if (!isResting) this.#engine.armDoorbell(this.schedule);
    const hasNews = !isResting && this.#fanOut.hasNews();
    // Space freed in the queues before the doorbell was armed did not ring it.
    for (const publisher of this.#publishers) publisher.offerCredit();
    if (hasNews) this.schedule();
    this.#setTimer(isResting);
  };

  #isPublishDue(now: number): boolean {
    const { offered } = this.#engine;
    if (offered === 0 || this.#synced?.isWaiting === true) return false;
    return now >= this.#publishAt || offered >= this.#publishTicks;
  }

  #publish(now: number): void {
    if (this.#synced !== undefined) this.#synced.request();
    else if (this.#isPatient) this.#engine.publishTicks();
    else this.#apply();
    const pressure = this.#pressure.value;
    if (this.#isImmediate()) {
      const isLong = this.#isPatient && this.#flushAt - now > LONG_REST_MS;
      this.#publishAt = isLong ? this.#flushAt - LEAD_MS : now + PUBLISH_MS * pressure;
    } else {
      this.#publishAt = now + CONFLATED_MS * pressure;
      // The changes go out with the next flush. Do not postpone changes that already wait: the
      // stream of ticks may never end.
      if (!this.#fanOut.hasNews()) this.#flushAt = Math.max(this.#flushAt, this.#publishAt);
    }
  }

  #apply(): void {
    this.#engine.applyTicks();
    // What this thread applied is readable at once, its anomalies too.
    this.#fanOut.takeRaised();
  }

  /** Whether ticks wait for the flush that shows them: nobody sees their rows before. */
  get #isPatient(): boolean {
    return this.#pressure.value === 1;
  }

  /** Whether any session is not conflated. */
  #isImmediate(): boolean {
    return this.#conflation.unconflated > 0;
  }

  #flush(start: number): void {
    const messages = this.#fanOut.run();
    const end = performance.now();
    const merged = this.#pressure.merged(this.#fanOut.updatesPerMessage);
    const pressure = this.#pressure.value;
    const restMs = restAfter(end - start, messages) * merged * pressure;
    const leastMs = this.#isImmediate() ? 0 : CONFLATED_MS;
    this.#flushAt = end + Math.max(leastMs, restMs);
    // No session is flushed earlier, so the workers may sleep as long.
    if (this.#isPatient && restMs > LONG_REST_MS) {
      this.#publishAt = Math.max(this.#publishAt, this.#flushAt - LEAD_MS);
    }
  }

  /** Sets the timer for the remaining work. */
  #setTimer(isResting: boolean): void {
    let at = this.#acknowledgements.dueAt;
    if (isResting) at = Math.min(at, this.#flushAt);
    // Nothing rings when the store has space again.
    if (this.#fanOut.isHeld) at = Math.min(at, performance.now() + HELD_MS);
    const isPublishAhead = this.#engine.offered > 0 && this.#synced?.isWaiting !== true;
    if (isPublishAhead) at = Math.min(at, this.#publishAt);
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // Timers count from now, which a flush may have made much later. Whole ms: 0 would repeat at
    // once.
    const delayMs = Math.ceil(at - performance.now());
    this.#timer = setTimeout(this.#onTimer, Math.max(1, delayMs));
  }

  readonly #onTimer = (): void => {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#run();
  };
}

/** Rest after a flush of `messages` that took `flushMs`, ms. */
function restAfter(flushMs: number, messages: number): number {
  const multiple = Math.max(REST_PER_FLUSH_MIN, (messages - FEW_MESSAGES) * REST_PER_MESSAGE);
  return Math.min(REST_MS_MAX, flushMs * Math.min(REST_PER_FLUSH_MAX, multiple));
}
