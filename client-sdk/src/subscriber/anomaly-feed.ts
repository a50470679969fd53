import type { Anomaly, AnomalyGap, HistoryPage } from './anomaly.ts';

/** Anomalies requested at a time to fill a gap. */
const PAGE_ANOMALIES = 1000;

/** What a feed needs from its subscriber. */
export interface AnomalyFeedOwner {
  /** Asks the server; rejects if it cannot answer or the connection is lost. */
  history(symbol: string, afterSequence: number, limit: number): Promise<HistoryPage>;
  /** Whether a session is open. If not, a failed catch-up is repeated in the next session. */
  isLive(): boolean;
  deliver(anomaly: Anomaly): void;
  missed(gap: AnomalyGap): void;
}

/** Progress of one symbol. */
interface Progress {
  /** The last sequence delivered, or known to precede the subscription. */
  last: number;
  /** Anomalies up to this time precede the subscription or were delivered; ms since the epoch. */
  notBefore: number;
  /** Time of the newest anomaly delivered; ms since the epoch. */
  lastTime: number;
  /** The epoch in which `last` was seen. */
  epoch: string;
  /** Whether the symbol was retired since: without a store its numbers begin again. */
  isRetired: boolean;
  /** Anomalies that arrived while a gap is being filled; undefined if none is. */
  waiting: Anomaly[] | undefined;
}

/**
 * Delivers the anomalies of each symbol in order, without gaps or duplicates, across reconnects and
 * jumps of the sequence. Missing ones are fetched from the server; what the server no longer has is
 * reported as a gap.
 */
export class AnomalyFeed {
  readonly #owner: AnomalyFeedOwner;
  readonly #progress = new Map<string, Progress>();
  #epoch = '';

  constructor(owner: AnomalyFeedOwner) {
    this.#owner = owner;
  }

  /** Sets where an earlier run of the program stopped: symbol → last sequence seen. */
  seed(since: ReadonlyMap<string, number>): void {
    for (const [symbol, last] of since) {
      this.#progress.set(symbol, this.#newProgress(last));
    }
  }

  /**
   * A session starts.
   *
   * @returns symbol → last sequence seen, to be sent to the server
   */
  resume(epoch: string): ReadonlyMap<string, number> {
    this.#epoch = epoch;
    for (const progress of this.#progress.values()) progress.waiting = undefined;
    return new Map([...this.#progress].map(([symbol, { last }]) => [symbol, last]));
  }

  /**
   * Follows a symbol without anomalies so far, so that those raised while disconnected are not
   * missed. Ignores anomalies at or before `time`, ms since the epoch.
   */
  follow(symbol: string, time: number): void {
    if (this.#progress.has(symbol)) return;
    this.#progress.set(symbol, { ...this.#newProgress(0), notBefore: time });
  }

  /** A symbol is gone; the anomalies that follow are of its next life. */
  retired(symbol: string): void {
    const progress = this.#progress.get(symbol);
    if (progress !== undefined) progress.isRetired = true;
  }

  /** Takes the next anomaly of the stream. */
  receive(anomaly: Anomaly): void {
    const { symbol, sequence } = anomaly;
    let progress = this.#progress.get(symbol);
    if (progress === undefined) {
      progress = this.#newProgress(sequence - 1);
      this.#progress.set(symbol, progress);
    }
    if (progress.isRetired) {
      progress.isRetired = false;
      if (sequence <= progress.last) progress.last = sequence - 1;
    }
    if (progress.epoch !== this.#epoch) {
      progress.epoch = this.#epoch;
      if (sequence <= progress.last) this.#numberAnew(progress, sequence);
    }
    if (progress.waiting !== undefined) progress.waiting.push(anomaly);
    else if (sequence <= progress.last + 1) this.#take(progress, anomaly);
    else void this.#catchUp(progress, anomaly);
  }

  #newProgress(last: number): Progress {
    const never = Number.NEGATIVE_INFINITY;
    const times = { notBefore: never, lastTime: never };
    return { last, ...times, epoch: this.#epoch, isRetired: false, waiting: undefined };
  }

  // The server does not resend anything up to `last`, so a lower sequence in a new epoch means that
  // numbering restarted: from 1 without a store, from a little before `last` after a crash. Only
  // times tell which of the numbers in between are new.
  #numberAnew(progress: Progress, sequence: number): void {
    const hasTime = progress.lastTime > Number.NEGATIVE_INFINITY;
    progress.last = hasTime ? Math.max(0, sequence - 1 - PAGE_ANOMALIES) : sequence - 1;
    progress.notBefore = progress.lastTime;
  }

  #take(progress: Progress, anomaly: Anomaly): void {
    const { sequence, timestamp, symbol } = anomaly;
    if (sequence <= progress.last) return;
    const isOfInterest = timestamp > progress.notBefore;
    if (isOfInterest && sequence > progress.last + 1) {
      const gap = { symbol, fromSequence: progress.last + 1, toSequence: sequence - 1 };
      this.#owner.missed(gap);
    }
    progress.last = sequence;
    if (!isOfInterest) return;
    progress.lastTime = timestamp;
    this.#owner.deliver(anomaly);
  }

  async #catchUp(progress: Progress, next: Anomaly): Promise<void> {
    const waiting = [next];
    progress.waiting = waiting;
    // Anomalies that arrive meanwhile are appended, and may jump again.
    for (const anomaly of waiting) {
      const isSameSession = await this.#fill(progress, anomaly, waiting);
      if (!isSameSession) return;
      this.#take(progress, anomaly);
    }
    progress.waiting = undefined;
  }

  /** Fetches what is missing before `next`; false if the session is gone. */
  async #fill(progress: Progress, next: Anomaly, waiting: Anomaly[]): Promise<boolean> {
    try {
      let more = true;
      while (more && progress.last + 1 < next.sequence) {
        const page = await this.#owner.history(next.symbol, progress.last, PAGE_ANOMALIES);
        // The next session resumes after `last` by itself.
        if (progress.waiting !== waiting) return false;
        for (const anomaly of page.anomalies) this.#take(progress, anomaly);
        more = page.more && page.anomalies.length > 0;
      }
      return true;
    } catch {
      // The server no longer has them, or the connection is lost.
      return progress.waiting === waiting && this.#owner.isLive();
    }
  }
}
