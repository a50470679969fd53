const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
/** A message may take longer than the one before: stay clear of the limit. */
const MARGIN = 1.05;

interface WaitingFrame {
  readonly text: string;
  readonly sent: (() => void) | undefined;
}

/** Messages sent in the last hour: of all connections to a venue that share its limit. */
export class HourBudget {
  readonly #framesMax: number;
  /** When each was sent, oldest first. */
  readonly #sentAt: number[] = [];

  constructor(framesMax = Number.POSITIVE_INFINITY) {
    this.#framesMax = framesMax;
  }

  /** How long until another may be sent, ms. */
  waitMs(now: number): number {
    while (this.#sentAt.length > 0 && now - (this.#sentAt[0] as number) >= HOUR_MS) {
      this.#sentAt.shift();
    }
    if (this.#sentAt.length < this.#framesMax) return 0;
    return (this.#sentAt[0] as number) + HOUR_MS - now;
  }

  note(now: number): void {
    if (this.#framesMax !== Number.POSITIVE_INFINITY) this.#sentAt.push(now);
  }
}

/**
 * Sends messages evenly spaced, within what the venue takes a second and an hour. Answers and
 * keep-alives go before subscriptions, and past the limit of an hour, which counts subscriptions.
 */
export class FramePacer {
  readonly #send: (text: string) => void;
  readonly #spacingMs: number;
  readonly #hour: HourBudget;
  readonly #urgent: WaitingFrame[] = [];
  readonly #waiting: WaitingFrame[] = [];
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(send: (text: string) => void, framesPerSecond: number, hour: HourBudget) {
    this.#send = send;
    this.#spacingMs = (SECOND_MS / framesPerSecond) * MARGIN;
    this.#hour = hour;
  }

  /** @param sent called once it is sent */
  push(text: string, sent?: () => void): void {
    this.#waiting.push({ text, sent });
    this.#run();
  }

  /** Before all that waits. */
  pushUrgent(text: string): void {
    this.#urgent.push({ text, sent: undefined });
    // What waits may wait for the hour; this does not.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    const now = performance.now();
    const delayMs = Math.max(
      this.#nextAt - now,
      this.#urgent.length > 0 ? 0 : this.#hour.waitMs(now),
    );
    if (delayMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#run();
      }, Math.ceil(delayMs));
      return;
    }
    const urgent = this.#urgent.shift();
    const frame = urgent ?? this.#waiting.shift();
    if (frame === undefined) return;
    if (urgent === undefined) this.#hour.note(now);
    this.#nextAt = now + this.#spacingMs;
    this.#send(frame.text);
    frame.sent?.();
    if (this.#urgent.length + this.#waiting.length > 0) this.#run();
  }
}
