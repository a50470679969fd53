import type { Engine } from '../../engine/index.ts';
import { Acknowledgements } from '../ingest/acknowledgements.ts';
import type { PublisherSession } from '../sessions/session.ts';
import type { ConflationQueue } from './conflation.ts';
import type { FanOut } from './fan-out.ts';

/**
 * After a flush, sockets and ticks get a multiple of its time before the next one. One to a few sockets comes again soon,
 * half its time later. One to hundreds is worth gathering for, so that messages are few and full: the multiple grows with
 * the messages beyond a few. Nothing waits when little goes on.
 */
const FEW_MESSAGES = 64;
const REST_PER_FLUSH_MIN = 0.5;
const REST_PER_FLUSH_MAX = 6;
const REST_PER_MESSAGE = 1 / 24;
/** No flush waits longer than this, ms. */
const REST_MS_MAX = 20;
/** Ticks that follow others sooner than this, ms, are handed to the workers together with those that come meanwhile. */
const DELIVERY_MS = 0.75;
/** Between deliveries, and between flushes, while no session is to be told at once, ms. */
const UNHURRIED_MS = 8;
/**
 * In a rest of more than the second, ticks are handed over once, the first before the flush that is to tell of them, ms:
 * what workers need, generously.
 */
const LEAD_MS = 1;
const LONG_REST_MS = 4;
/** So many ticks are handed over whenever they are there: waking the workers for them costs next to nothing. */
const DELIVERY_TICKS = 1024;
/** Ticks that would be handed over so soon are when acknowledgements are sent, ms. */
const SLACK_MS = 2;

/**
 * The gateway's work between reading sockets, gathered once a turn of the event loop: hand ticks to the workers,
 * acknowledge frames, fan out what changed.
 *
 * Each of these costs system calls however little there is to do (waking threads, sending messages), so under load they
 * come at intervals: little enough to notice, long enough to find plenty. With nothing to do it sleeps, the doorbell armed.
 */
export class FlushScheduler {
  readonly #engine: Engine;
  readonly #fanOut: FanOut;
  readonly #conflation: ConflationQueue;
  readonly #publishers: ReadonlySet<PublisherSession>;
  readonly #deliveryTicks: number;
  readonly #acknowledgements = new Acknowledgements();
  #isScheduled = false;
  /** A publisher is about to run out of credit. */
  #isUrgent = false;
  /** When ticks may be handed over, and sessions told again; on the clock of `performance.now`, ms. */
  #deliveryAt = 0;
  #flushAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(
    engine: Engine,
    fanOut: FanOut,
    conflation: ConflationQueue,
    publishers: ReadonlySet<PublisherSession>,
  ) {
    this.#engine = engine;
    this.#fanOut = fanOut;
    this.#conflation = conflation;
    this.#publishers = publishers;
    this.#deliveryTicks = Math.min(DELIVERY_TICKS, engine.channelCapacity / 4);
  }

  /** Has what is due done before this turn of the event loop ends, however often it is called. */
  readonly schedule = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#run);
  };

  /** A session has something to acknowledge, or ticks to hand over; `isUrgent`: it will soon have to wait for credit. */
  acknowledgementDue(session: PublisherSession, isUrgent: boolean): void {
    this.#acknowledgements.add(session);
    if (isUrgent) this.#isUrgent = true;
    const isAwaited = this.#timerAt <= Math.min(this.#deliveryAt, this.#acknowledgements.dueAt);
    if (!isAwaited || isUrgent || this.#engine.offered >= this.#deliveryTicks) this.schedule();
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
    const isFlushDue = now >= this.#flushAt;
    if (this.#isUrgent || now >= this.#acknowledgements.dueAt || this.#isDeliveryDue(now)) {
      if (this.#isUrgent || this.#isDeliveryDue(now + SLACK_MS)) this.#deliver(now);
      this.#acknowledgements.send(now, this.#isUrgent);
    }
    this.#isUrgent = false;
    if (isFlushDue && this.#engine.hasNews()) this.#flush(now);
    const isResting = now < this.#flushAt && this.#engine.isBusy();
    // While it rests, the timer comes anyway: ringing would only cost system calls.
    const hasNews = !isResting && this.#engine.armDoorbell(this.schedule);
    // Space that the queues gained before the doorbell was armed did not ring it either.
    for (const publisher of this.#publishers) publisher.offerCredit();
    if (hasNews) this.schedule();
    this.#comeBack(isResting);
  };

  #isDeliveryDue(now: number): boolean {
    const { offered } = this.#engine;
    if (offered === 0) return false;
    return now >= this.#deliveryAt || offered >= this.#deliveryTicks;
  }

  #deliver(now: number): void {
    this.#engine.publishTicks();
    if (this.#isHurried()) {
      const isLong = this.#flushAt - now > LONG_REST_MS;
      this.#deliveryAt = isLong ? this.#flushAt - LEAD_MS : now + DELIVERY_MS;
    } else {
      this.#deliveryAt = now + UNHURRIED_MS;
      // What comes of them is taken along next time. What waits already is not put off again: ticks may never end.
      if (!this.#engine.hasNews()) this.#flushAt = Math.max(this.#flushAt, this.#deliveryAt);
    }
  }

  /** Whether there may be a session that is to be told at once. */
  #isHurried(): boolean {
    return this.#conflation.unconflated > 0;
  }

  #flush(start: number): void {
    const messages = this.#fanOut.run();
    const end = performance.now();
    const restMs = restAfter(end - start, messages);
    this.#flushAt = end + (this.#isHurried() ? restMs : Math.max(UNHURRIED_MS, restMs));
    // Nobody is told before of the ticks that come now: the workers may sleep as long.
    if (restMs > LONG_REST_MS)
      this.#deliveryAt = Math.max(this.#deliveryAt, this.#flushAt - LEAD_MS);
  }

  /** Has what is left done when it is due. */
  #comeBack(isResting: boolean): void {
    let at = this.#acknowledgements.dueAt;
    if (isResting) at = Math.min(at, this.#flushAt);
    if (this.#engine.offered > 0) at = Math.min(at, this.#deliveryAt);
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // Timers count from now, which a flush may have made much later; in whole ms: never by turning round and round.
    const delayMs = Math.ceil(at - performance.now());
    this.#timer = setTimeout(this.#timeIsUp, Math.max(1, delayMs));
  }

  readonly #timeIsUp = (): void => {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#run();
  };
}

/** How long to rest after a flush of so many messages that took `flushMs`, ms. */
function restAfter(flushMs: number, messages: number): number {
  const share = Math.max(REST_PER_FLUSH_MIN, (messages - FEW_MESSAGES) * REST_PER_MESSAGE);
  return Math.min(REST_MS_MAX, flushMs * Math.min(REST_PER_FLUSH_MAX, share));
}
