import { backoffMs } from './backoff.ts';
import type { Batch, Outbox } from './outbox.ts';
import type { Message, Outcome } from './request.ts';
import type { SinkAlert } from './sink-alert.ts';
import { SinkCounter, type SinkFigures } from './sink-figures.ts';

export interface SinkLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SinkOptions {
  /** For the log: the sink's name, and where it sends without what may be secret. */
  readonly shown: { readonly sink: string; readonly url: string };
  readonly retryForMs: number;
  readonly outbox: Outbox;
  readonly figures: SinkFigures;
  readonly log: SinkLog;
  /** Makes one attempt; does not reject. */
  readonly post: (message: Message) => Promise<Outcome>;
  /** The monotonic clock, ms, and a number in [0, 1): other ones in tests. */
  readonly now?: () => number;
  readonly random?: () => number;
}

const MINUTE_MS = 60_000;
const LINES_A_MINUTE = 6;

type State = 'ok' | Exclude<Outcome['kind'], 'delivered'>;

/**
 * Sends what is in an outbox, and again where that fails.
 *
 * ```
 *             failed                     failed: the pause doubles
 *   SENDING ─────────▶ PAUSED ──▶ one request ─┐
 *      ▲                 ▲                     │
 *      └─────────────────┼──── succeeded ──────┤
 *                        └─────────────────────┘
 * ```
 */
export class Sink {
  readonly outbox: Outbox;
  readonly #options: SinkOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  #underWay = 0;
  /** Requests that failed since one succeeded. */
  #failures = 0;
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** As the log has it. */
  #state: State = 'ok';
  #logged: number[] = [];
  #dropped = 0;
  /** Called when nothing is under way. */
  #idle: (() => void)[] = [];

  constructor(options: SinkOptions) {
    this.outbox = options.outbox;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
  }

  push(alert: SinkAlert): void {
    const { figures, log, shown } = this.#options;
    const dropped = this.outbox.push(alert, this.#now());
    if (dropped > 0) {
      if (this.#dropped === 0)
        log.error({ ...shown }, 'a sink is too slow: its oldest alerts are lost');
      this.#dropped += dropped;
      figures.add(SinkCounter.DROPPED, dropped);
    }
    this.pump();
  }

  /** Sends what is due. */
  pump(): void {
    const { figures } = this.#options;
    const now = this.#now();
    const requestsMax = this.#failures > 0 ? 1 : this.outbox.requestsMax;
    while (!this.#isClosed && this.#underWay < requestsMax && now >= this.#pausedUntil) {
      const batch = this.outbox.take(now);
      if (batch === undefined) break;
      this.#underWay += 1;
      void this.#send(batch);
    }
    figures.set(SinkCounter.WAITING, this.outbox.size);
  }

  /** Resolves when nothing waits any more, or the receiver fails. */
  async drained(): Promise<void> {
    while (this.#underWay > 0 || (this.outbox.size > 0 && this.#failures === 0)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Sends nothing more. What is under way counts as not sent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #send(batch: Batch): Promise<void> {
    const { figures, post } = this.#options;
    const begun = this.#now();
    const outcome = await post(batch.message);
    this.#underWay -= 1;
    if (this.#isClosed) return;
    figures.addRequest(this.#now() - begun);
    if (outcome.kind === 'retry') {
      this.#retry(batch, outcome);
    } else {
      this.#failures = 0;
      this.outbox.done(batch);
      const isTaken = outcome.kind === 'delivered';
      figures.add(isTaken ? SinkCounter.DELIVERED : SinkCounter.REFUSED, batch.alerts);
      this.#note(isTaken ? 'ok' : 'refused', outcome);
    }
    this.pump();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #retry(batch: Batch, outcome: Outcome): void {
    const { figures, retryForMs } = this.#options;
    const now = this.#now();
    // Requests that fail together count as one.
    if (now >= this.#pausedUntil) this.#failures += 1;
    figures.add(SinkCounter.RETRIES, 1);
    figures.add(SinkCounter.EXPIRED, this.outbox.again(batch, now - retryForMs));
    const delay = outcome.retryAfterMs ?? backoffMs(this.#failures, this.#random());
    this.#pausedUntil = Math.max(this.#pausedUntil, now + delay);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A timer may be a fraction of a millisecond early.
      this.#pausedUntil = 0;
      this.pump();
    }, this.#pausedUntil - now);
    this.#note('retry', outcome);
  }

  /** A receiver that takes every other alert changes state all the time: few lines a minute. */
  #mayLog(): boolean {
    const now = this.#now();
    this.#logged = this.#logged.filter((time) => now - time < MINUTE_MS);
    if (this.#logged.length >= LINES_A_MINUTE) return false;
    this.#logged.push(now);
    return true;
  }

  /** A line when the state changes, not one a request. */
  #note(state: State, { reason, answer }: Outcome): void {
    const { figures, log, shown } = this.#options;
    figures.set(SinkCounter.FAILING, state === 'ok' ? 0 : 1);
    if (state !== this.#state && this.#mayLog()) {
      this.#state = state;
      const fields = { ...shown, reason, ...(answer ? { answer } : {}) };
      if (state === 'retry') log.warn(fields, 'a sink cannot be reached: alerts wait for it');
      else if (state === 'refused')
        log.error(fields, 'a sink refuses alerts: they are lost for it');
      else log.info({ ...shown }, 'a sink takes alerts again');
    }
    if (state !== 'ok' || this.#dropped === 0 || this.outbox.size > 0) return;
    log.warn(
      { ...shown, alerts: this.#dropped },
      'a sink has caught up; it was too slow for these alerts',
    );
    this.#dropped = 0;
  }
}
