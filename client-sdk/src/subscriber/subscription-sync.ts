import {
  ALL_FIELDS,
  type ErrorCode,
  errorName,
  Op,
  ProtocolError,
} from '../../../src/protocol/index.ts';
import { ServerError } from '../connection/connection.ts';
import type { ClientFrame, FrameValue } from '../connection/frame-codec.ts';
import type { Requests } from './requests.ts';
import {
  noResumePoints,
  type ResumePoints,
  SINCE_OPTIONS,
  type SomeResumePoints,
  type SubscribeRequest,
  subscribeRequests,
} from './subscribe-requests.ts';
import type { Refusal, Subscription } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';

/** Wait after a refusal if the server does not say, ms. */
const RETRY_MS = 1000;
/** Patterns of one UNSUBSCRIBE, far below any frame size limit. */
const UNSUBSCRIBE_PATTERNS_MAX = 2000;

/** What SubscriptionSync needs from the subscriber. */
export interface SubscriptionSyncOwner {
  /** Sends on the open connection. Called between `restart` and `suspend` only. */
  send(frame: ClientFrame): void;
  /** The server answered: some symbols may no longer be covered. */
  answered(covers: (symbol: string) => boolean): void;
  error(error: Error): void;
}

/**
 * Keeps the server's subscriptions of this session equal to the subscriber's. Changes made together
 * go out as one request; a new session gets everything in one.
 */
export class SubscriptionSync {
  readonly #owner: SubscriptionSyncOwner;
  readonly #requests: Requests;
  readonly #held = new Subscriptions();
  #conflateMs: number | undefined;
  /** Half of the server's frame size limit; 0 while no session is open. */
  #requestBytesMax = 0;
  /** To be sent with the next request. */
  #resumed = noResumePoints();
  /** How many hold it back. */
  #holds = 0;
  #isScheduled = false;
  readonly #retryTimers = new Set<ReturnType<typeof setTimeout>>();

  constructor(conflateMs: number | undefined, requests: Requests, owner: SubscriptionSyncOwner) {
    this.#conflateMs = conflateMs;
    this.#requests = requests;
    this.#owner = owner;
  }

  add(subscription: Subscription): void {
    this.#held.add(subscription);
    this.#resume(subscription.options);
    this.#schedule();
  }

  remove(subscription: Subscription): void {
    this.#held.remove(subscription);
    this.#schedule();
  }

  /** Whether each pattern is answered, or no longer wanted. */
  isAnswered(subscription: Subscription): boolean {
    return this.#held.isAnswered(subscription);
  }

  /** The patterns that the server refused. */
  refusals({ patterns }: Subscription): readonly Refusal[] {
    return patterns.flatMap((pattern) => {
      const code = this.#held.answerTo(pattern) ?? 0;
      return code === 0 ? [] : [{ pattern, code, reason: errorName(code) }];
    });
  }

  setConflateMs(conflateMs: number): void {
    this.#conflateMs = conflateMs;
    // Without patterns, a request changes only the pace; its answer is ignored.
    if (this.#requestBytesMax > 0) this.#owner.send([Op.SUBSCRIBE, 0, [], { conflateMs }]);
  }

  /** A session opened: sends everything to the server. */
  restart(resume: SomeResumePoints, frameBytesMax: number): void {
    this.#requestBytesMax = frameBytesMax / 2;
    this.#resume(resume);
    this.#held.restart();
    this.#flush();
  }

  /** The session is gone. */
  suspend(): void {
    this.#requestBytesMax = 0;
    for (const timer of this.#retryTimers) clearTimeout(timer);
    this.#retryTimers.clear();
  }

  /** Sends nothing from a call with 1 until one with -1. */
  hold(change: 1 | -1): void {
    this.#holds += change;
    this.#flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#requestBytesMax === 0 || this.#holds > 0) return;
    const { subscribe, unsubscribe } = this.#held.takeDue();
    for (let i = 0; i < unsubscribe.length; i += UNSUBSCRIBE_PATTERNS_MAX) {
      this.#unsubscribe(unsubscribe.slice(i, i + UNSUBSCRIBE_PATTERNS_MAX));
    }
    for (const request of subscribeRequests(subscribe, this.#resumed, this.#requestBytesMax)) {
      this.#subscribe(request);
    }
    this.#resumed = noResumePoints();
  }

  #unsubscribe(patterns: readonly string[]): void {
    const done = () => {
      for (const pattern of patterns) this.#held.unsubscribed(pattern);
      this.#answered();
    };
    this.#requests
      .open((requestId) => this.#owner.send([Op.UNSUBSCRIBE, requestId, patterns]), done)
      .catch((error: unknown) => this.#refused(error, patterns, done));
  }

  #subscribe({ interest, patterns, resume }: SubscribeRequest): void {
    const { stats, anomalies, alerts, fields } = interest;
    const options: { [key: string]: FrameValue } = {};
    if (!stats) options.stats = false;
    if (!anomalies) options.anomalies = false;
    if (alerts) options.alerts = true;
    if (fields !== ALL_FIELDS) options.fields = fields;
    if (this.#conflateMs !== undefined) options.conflateMs = this.#conflateMs;
    for (const option of SINCE_OPTIONS) {
      if (resume[option].size > 0) options[option] = Object.fromEntries(resume[option]);
    }
    const settle = (codes: readonly number[]) => {
      for (const [i, pattern] of patterns.entries()) {
        this.#held.subscribed(pattern, interest, codes[i] ?? 0);
      }
      this.#reportRefusals(patterns, codes);
      this.#answered();
    };
    this.#requests
      .open(
        (requestId) => this.#owner.send([Op.SUBSCRIBE, requestId, patterns, options]),
        (answer) => settle(answer[2] as number[]),
      )
      .catch((error: unknown) =>
        this.#refused(
          error,
          patterns,
          (code) => settle(patterns.map(() => code)),
          () => this.#resumeAgain(resume),
        ),
      );
  }

  // Requests rejected because the connection was lost are repeated on the next one.
  #refused(
    error: unknown,
    patterns: readonly string[],
    settle: (code: number) => void,
    beforeRetry?: () => void,
  ): void {
    if (!(error instanceof ServerError) || this.#requestBytesMax === 0) return;
    if (!error.retryable) {
      settle(error.code);
      return;
    }
    const timer = setTimeout(() => {
      this.#retryTimers.delete(timer);
      beforeRetry?.();
      this.#held.retry(patterns);
      this.#flush();
    }, error.retryAfterMs ?? RETRY_MS);
    this.#retryTimers.add(timer);
  }

  /** Restores the resume points of a refused request, which the server did not take. */
  #resumeAgain(resume: ResumePoints): void {
    const newer = this.#resumed;
    this.#resumed = noResumePoints();
    this.#resume(resume);
    this.#resume(newer);
  }

  #resume(resume: SomeResumePoints): void {
    for (const option of SINCE_OPTIONS) {
      for (const [symbol, sequence] of resume[option] ?? []) {
        this.#resumed[option].set(symbol, sequence);
      }
    }
  }

  #reportRefusals(patterns: readonly string[], codes: readonly number[]): void {
    const refused = patterns.filter((_, i) => (codes[i] ?? 0) !== 0);
    const code = codes.find((each) => each !== 0);
    if (code === undefined) return;
    const others = refused.length > 1 ? ` and ${refused.length - 1} more patterns` : '';
    const message = `the server refused "${refused[0]}"${others}: ${errorName(code) ?? code}`;
    this.#owner.error(new ProtocolError(code as ErrorCode, message));
  }

  #answered(): void {
    this.#owner.answered((symbol) => this.#held.covers(symbol));
  }
}
