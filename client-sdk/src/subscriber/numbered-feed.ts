import type { AnomalyGap } from './anomaly.ts';

/** Items requested at a time to fill a gap. */
const PAGE_ITEMS = 1000;

/** What is numbered by symbol: an anomaly or an alert. */
export interface Numbered {
  readonly symbol: string;
  /** 1, 2, 3 … */
  readonly sequence: number;
}

/** A part of what the server keeps, oldest first. */
export interface NumberedPage<Item> {
  readonly items: readonly Item[];
  /** Whether there are later ones. */
  readonly more: boolean;
}

/** What a feed needs from its subscriber. */
export interface NumberedFeedOwner<Item> {
  /** Asks the server; rejects if it cannot answer or the connection is lost. */
  history(symbol: string, afterSequence: number, limit: number): Promise<NumberedPage<Item>>;
  /** Whether a session is open. If not, a failed catch-up is repeated in the next session. */
  hasSession(): boolean;
  /** When an item was raised, ms since the Unix epoch. */
  timeOf(item: Item): number;
  deliver(item: Item): void;
  missed(gap: AnomalyGap): void;
}

/** Progress of one symbol. */
interface Progress<Item> {
  /** The last sequence delivered, or known to precede the subscription. */
  last: number;
  /** Items up to this time precede the subscription or were delivered; ms since the epoch. */
  notBefore: number;
  /** The greatest time of an item delivered; ms since the epoch. */
  lastTime: number;
  /** The epoch in which `last` was seen. */
  epoch: string;
  /** Whether the symbol was retired since: without a store its numbers begin again. */
  isRetired: boolean;
  /** Items that arrived while a gap is being filled; undefined if none is. */
  waiting: Item[] | undefined;
}

/**
 * Delivers the anomalies, or the alerts, of each symbol in order, without gaps or duplicates,
 * across reconnects and jumps of the sequence. Missing ones are fetched from the server; what the
 * server no longer has is reported as a gap.
 */
export class NumberedFeed<Item extends Numbered> {
  readonly #owner: NumberedFeedOwner<Item>;
  readonly #progress = new Map<string, Progress<Item>>();
  #epoch = '';

  constructor(owner: NumberedFeedOwner<Item>) {
    this.#owner = owner;
  }

  /** Sets where an earlier run of the program stopped: symbol → last sequence seen. */
  seed(since: ReadonlyMap<string, number> = new Map()): void {
    for (const [symbol, last] of since) {
      // The epoch it was seen in is unknown, unless the symbol is followed: the server may have
      // numbered anew.
      const epoch = this.#progress.has(symbol) ? this.#epoch : '';
      this.#progress.set(symbol, { ...this.#newProgress(last), epoch });
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
   * Follows a symbol without items so far, so that those raised while disconnected are not missed.
   * Ignores those at or before `time`, ms since the epoch.
   */
  follow(symbol: string, time: number): void {
    if (this.#progress.has(symbol)) return;
    this.#progress.set(symbol, { ...this.#newProgress(0), notBefore: time });
  }

  /** A symbol is gone; the items that follow are of its next life. */
  retired(symbol: string): void {
    const progress = this.#progress.get(symbol);
    if (progress !== undefined) progress.isRetired = true;
  }

  /** Takes the next item of the stream. */
  receive(item: Item): void {
    const { symbol, sequence } = item;
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
    if (progress.waiting !== undefined) progress.waiting.push(item);
    else if (sequence <= progress.last + 1) this.#take(progress, item);
    else void this.#catchUp(progress, item);
  }

  #newProgress(last: number): Progress<Item> {
    // Never. Bundles have a shorter name for this infinity than for the negative one.
    const notBefore = -Number.POSITIVE_INFINITY;
    return {
      last,
      notBefore,
      lastTime: notBefore,
      epoch: this.#epoch,
      isRetired: false,
      waiting: undefined,
    };
  }

  // The server does not resend anything up to `last`, so a lower sequence in a new epoch means that
  // numbering restarted: from 1 without a store, from a little before `last` after a crash. Only
  // times tell which of the numbers in between are new.
  #numberAnew(progress: Progress<Item>, sequence: number): void {
    const hasTime = Number.isFinite(progress.lastTime);
    progress.last = hasTime ? Math.max(0, sequence - 1 - PAGE_ITEMS) : sequence - 1;
    progress.notBefore = progress.lastTime;
  }

  #take(progress: Progress<Item>, item: Item): void {
    const { sequence, symbol } = item;
    if (sequence <= progress.last) return;
    const time = this.#owner.timeOf(item);
    const isOfInterest = time > progress.notBefore;
    if (isOfInterest && sequence > progress.last + 1) {
      const gap = { symbol, fromSequence: progress.last + 1, toSequence: sequence - 1 };
      this.#owner.missed(gap);
    }
    progress.last = sequence;
    if (!isOfInterest) return;
    // Several rules may judge one tick, and an end may be dated back.
    progress.lastTime = Math.max(progress.lastTime, time);
    this.#owner.deliver(item);
  }

  async #catchUp(progress: Progress<Item>, next: Item): Promise<void> {
    const waiting = [next];
    progress.waiting = waiting;
    // Items that arrive meanwhile are appended, and may jump again.
    for (const item of waiting) {
      const isSameSession = await this.#fill(progress, item, waiting);
      if (!isSameSession) return;
      this.#take(progress, item);
    }
    progress.waiting = undefined;
  }

  /** Fetches what is missing before `next`; false if the session is gone. */
  async #fill(progress: Progress<Item>, next: Item, waiting: Item[]): Promise<boolean> {
    try {
      let more = true;
      while (more && progress.last + 1 < next.sequence) {
        const page = await this.#owner.history(next.symbol, progress.last, PAGE_ITEMS);
        // The next session resumes after `last` by itself.
        if (progress.waiting !== waiting) return false;
        for (const item of page.items) this.#take(progress, item);
        more = page.more && page.items.length > 0;
      }
      return true;
    } catch {
      // The server no longer has them, or the connection is lost.
      return progress.waiting === waiting && this.#owner.hasSession();
    }
  }
}
