interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/** What can be read now; undefined: nothing. */
export interface Source<T> {
  take(): T | undefined;
}

/**
 * Values that a reader fetches one by one, with `for await`, from a source that it may lag behind. What
 * the source holds when it ends is still delivered.
 */
export class PullIterator<T> implements AsyncIterableIterator<T, undefined> {
  /** Undefined once the reader has left. */
  #source: Source<T> | undefined;
  readonly #stop: () => void;
  readonly #readers: Reader<T>[] = [];
  #isEnded = false;
  #failure: Error | undefined;

  /** @param stop called once, when nobody reads any more */
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

  /** The source may have something. */
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

  /** Nothing more will come. */
  end(failure?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#stop();
    this.wake();
  }
}
