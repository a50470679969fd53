/** A call was not begun: too many wait, or nobody waits for its answer any more. */
export class CallRefusedError extends Error {
  override readonly name = 'CallRefusedError';
}

/** Calls that a thread has at a time: it need not wait for the next one. */
const OPEN_MAX = 2;

/** Who wants a call. */
export interface CallOptions {
  /** Asked when its turn comes; false: it is refused. */
  readonly isWanted?: (() => boolean) | undefined;
  /** Whether it goes before others, however many wait: for callers that bound themselves. */
  readonly isFirst?: boolean | undefined;
}

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: CallRefusedError) => void;
  readonly isWanted: (() => boolean) | undefined;
}

/**
 * Holds back the calls to a thread that is busy, so that one that is no longer wanted costs it
 * nothing, and those that wait are bounded.
 */
export class CallQueue {
  readonly #waitingMax: number;
  readonly #first: Waiting[] = [];
  readonly #others: Waiting[] = [];
  #open = 0;

  /** @param waitingMax calls from which others are refused */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Calls that wait. */
  get length(): number {
    return this.#first.length + this.#others.length;
  }

  /**
   * Makes a call when its turn comes; `call` does not throw but reject.
   *
   * @throws CallRefusedError if it was not begun
   */
  async run<T>(call: () => Promise<T>, options: CallOptions = {}): Promise<T> {
    if (this.#open < OPEN_MAX) this.#open++;
    else await this.#turn(options);
    try {
      return await call();
    } finally {
      this.#open--;
      this.#next();
    }
  }

  #turn({ isFirst, isWanted }: CallOptions): Promise<void> {
    const queue = isFirst === true ? this.#first : this.#others;
    if (queue === this.#others && queue.length >= this.#waitingMax) {
      throw new CallRefusedError(`${queue.length} calls wait already`);
    }
    return new Promise((begin, refuse) => queue.push({ begin, refuse, isWanted }));
  }

  #next(): void {
    while (this.#open < OPEN_MAX) {
      const waiting = this.#first.shift() ?? this.#others.shift();
      if (waiting === undefined) return;
      if (waiting.isWanted?.() === false) {
        waiting.refuse(new CallRefusedError('nobody waits for the answer'));
        continue;
      }
      this.#open++;
      waiting.begin();
    }
  }
}
