import type { Update } from './subscriber-events.ts';
import type { SymbolStatistics } from './symbol-statistics.ts';

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** Takes the next value; undefined if there is none now. */
export interface Source<T> {
  take(): T | undefined;
}

/**
 * Values for `for await`, from a source that the reader may lag behind. What the source holds at
 * the end is still delivered.
 */
export class PullIterator<T> implements AsyncIterableIterator<T, undefined> {
  /** Undefined once the reader has left. */
  #source: Source<T> | undefined;
  readonly #stop: () => void;
  readonly #readers: Reader<T>[] = [];
  #isEnded = false;
  #failure: Error | undefined;

  /** @param stop called once, when reading ends */
  constructor(source: Source<T>, stop: () => void) {
    this.#source = source;
    this.#stop = stop;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.wake();
    });
  }

  /** The reader leaves its loop. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#source = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The source may have a value. */
  wake(): void {
    while (this.#readers.length > 0) {
      const value = this.#source?.take();
      if (value === undefined && !this.#isEnded) return;
      const reader = this.#readers.shift() as Reader<T>;
      if (value !== undefined) reader.resolve({ done: false, value });
      else if (this.#failure === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(this.#failure);
    }
  }

  /** No more values will come. */
  end(failure?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#stop();
    this.wake();
  }
}

/** How many events a reader may lag behind. */
const WAITING_MAX = 65_536;

/** Anomalies or alerts that wait for a reader. */
export class EventQueue<Event> {
  #waiting: Event[] = [];
  #first = 0;

  /** Returns false, without taking the event, if the reader is too far behind. */
  add(event: Event): boolean {
    if (this.#waiting.length - this.#first >= WAITING_MAX) return false;
    this.#waiting.push(event);
    return true;
  }

  take(): Event | undefined {
    const event = this.#waiting[this.#first];
    if (event === undefined) return undefined;
    this.#first++;
    if (this.#first === this.#waiting.length || this.#first >= WAITING_MAX) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }
}

/** Changes since the reader last looked: one update, whatever the number of frames. */
export class PendingUpdate {
  #changes = new Set<SymbolStatistics>();
  #serverTime = 0;

  add({ changes, serverTime }: Update): void {
    for (const change of changes) this.#changes.add(change);
    this.#serverTime = serverTime;
  }

  clear(): void {
    this.#changes.clear();
  }

  /** Drops changes of symbols that are gone. */
  forget(symbols: readonly string[]): void {
    for (const change of this.#changes) {
      if (symbols.includes(change.symbol)) this.#changes.delete(change);
    }
  }

  take(): Update | undefined {
    if (this.#changes.size === 0) return undefined;
    const changes = [...this.#changes];
    this.#changes.clear();
    return { changes, serverTime: this.#serverTime };
  }
}
