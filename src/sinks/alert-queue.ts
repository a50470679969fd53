import type { Batch, Outbox } from './outbox.ts';
import type { Message } from './request.ts';
import type { SinkAlert } from './sink-alert.ts';

/** Entries that are gone before the array is rewritten without them. */
const GONE_MIN = 1024;

interface Entry {
  readonly alert: SinkAlert;
  readonly queuedAt: number;
  state: 'waiting' | 'taken' | 'gone';
}

export interface AlertBatch extends Batch {
  readonly entries: readonly Entry[];
}

export interface AlertQueueOptions {
  /** Alerts that wait. */
  readonly max: number;
  readonly requestsMax: number;
  /** Alerts in a request. */
  readonly batchMax: number;
  readonly format: (alerts: readonly SinkAlert[]) => Message;
}

/**
 * Alerts that wait for a receiver that gets each of them.
 *
 * In order by symbol: while one of a symbol is under way, its others wait. A symbol whose request
 * has failed comes after the others, so that one that a receiver chokes on does not hold them up.
 */
export class AlertQueue implements Outbox<AlertBatch> {
  readonly requestsMax: number;
  readonly #options: AlertQueueOptions;
  /** In the order of ordinals. Those before `#head` are gone, others may be. */
  #entries: Entry[] = [];
  #head = 0;
  /** None that waits is before it. */
  #oldest = 0;
  #waiting = 0;
  #taken = 0;
  #next = 0;
  /** Symbols with a request under way, and those whose last one has failed. */
  readonly #busy = new Set<string>();
  readonly #failed = new Set<string>();

  constructor(options: AlertQueueOptions) {
    this.#options = options;
    this.requestsMax = options.requestsMax;
  }

  get size(): number {
    return this.#waiting + this.#taken;
  }

  get position(): number {
    return this.#entries[this.#head]?.alert.ordinal ?? this.#next;
  }

  get undelivered(): readonly SinkAlert[] {
    return this.#entries.filter(({ state }) => state !== 'gone').map(({ alert }) => alert);
  }

  push(alert: SinkAlert, now: number): number {
    const isFull = this.#waiting >= this.#options.max;
    if (isFull) this.#dropOldest();
    this.#entries.push({ alert, queuedAt: now, state: 'waiting' });
    this.#waiting += 1;
    this.#next = alert.ordinal + 1;
    return isFull ? 1 : 0;
  }

  take(): AlertBatch | undefined {
    let entries = this.#takeFrom(this.#failed);
    if (entries === undefined && this.#failed.size > 0) {
      // Their turn again, each once.
      this.#failed.clear();
      entries = this.#takeFrom(this.#failed);
    }
    if (entries === undefined) return undefined;
    const message = this.#options.format(entries.map(({ alert }) => alert));
    return { entries, message, alerts: entries.length };
  }

  done({ entries }: AlertBatch): void {
    for (const entry of entries) {
      this.#failed.delete(entry.alert.alert.symbol);
      this.#release(entry, 'gone');
    }
    this.#taken -= entries.length;
    this.#dropGone();
  }

  again({ entries }: AlertBatch, expiredBefore: number): number {
    let expired = 0;
    for (const entry of entries) {
      const isExpired = entry.queuedAt < expiredBefore;
      if (isExpired) expired += 1;
      else this.#failed.add(entry.alert.alert.symbol);
      this.#release(entry, isExpired ? 'gone' : 'waiting');
    }
    this.#taken -= entries.length;
    this.#waiting += entries.length - expired;
    this.#oldest = this.#head;
    this.#dropGone();
    return expired;
  }

  /** The first ones that may be sent, of symbols that are not to be avoided. */
  #takeFrom(avoided: ReadonlySet<string>): readonly Entry[] | undefined {
    const { batchMax } = this.#options;
    const taken: Entry[] = [];
    /** Symbols of which an older one stays. */
    const passed = new Set<string>();
    for (let i = this.#head; i < this.#entries.length && taken.length < batchMax; i++) {
      const entry = this.#entries[i] as Entry;
      const { symbol } = entry.alert.alert;
      if (entry.state !== 'waiting' || passed.has(symbol)) continue;
      if (this.#busy.has(symbol) || avoided.has(symbol)) passed.add(symbol);
      else taken.push(entry);
    }
    if (taken.length === 0) return undefined;
    for (const entry of taken) {
      entry.state = 'taken';
      this.#busy.add(entry.alert.alert.symbol);
    }
    this.#waiting -= taken.length;
    this.#taken += taken.length;
    return taken;
  }

  #release(entry: Entry, state: Entry['state']): void {
    entry.state = state;
    this.#busy.delete(entry.alert.alert.symbol);
  }

  #dropOldest(): void {
    while (this.#entries[this.#oldest]?.state !== 'waiting') this.#oldest += 1;
    (this.#entries[this.#oldest] as Entry).state = 'gone';
    this.#waiting -= 1;
    this.#dropGone();
  }

  #dropGone(): void {
    while (this.#entries[this.#head]?.state === 'gone') this.#head += 1;
    const gone = this.#entries.length - this.size;
    // Seldom: it moves the whole array.
    if (gone < GONE_MIN || gone < this.size) return;
    this.#entries = this.#entries.filter(({ state }) => state !== 'gone');
    this.#head = 0;
    this.#oldest = 0;
  }
}
