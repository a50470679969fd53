import { NO_MARK, type Pacing } from '../src/gateway/fanout/pacing.ts';

/** The way from the server to a client and back; may change at any time. */
export interface PathConditions {
  /** What the slowest part carries, bytes a second; Infinity: anything. */
  bytesPerSecond: number;
  /** Either way, ms. */
  delayMs: number;
}

/** Bytes on their way, and the mark behind them. */
interface Sent {
  readonly sentAt: number;
  readonly mark: number;
  bytesLeft: number;
}

interface Pong {
  readonly mark: number;
  readonly dueAt: number;
}

/** Step of the virtual clock, ms. */
const STEP_MS = 1;

/**
 * A paced session on a path with a buffer that never fills, on a virtual clock. The session always
 * has what waits to be sent: `pending` bytes, or no end of them.
 */
export class SimulatedPath {
  now = 0;
  /** Bytes that the session still has to send. */
  pending = 0;
  bytesRead = 0;
  pings = 0;
  /** Longest time that bytes read since the last look were on their way, without the delay, ms. */
  queuedMsMax = 0;
  /** Whether the client answers pings. */
  answers = true;
  readonly #pacing: Pacing;
  readonly #path: Readonly<PathConditions>;
  #queue: Sent[] = [];
  #pongs: Pong[] = [];

  constructor(pacing: Pacing, path: Readonly<PathConditions>) {
    this.#pacing = pacing;
    this.#path = path;
  }

  /** Sends what it may, in messages as the session's. */
  flush(): void {
    const pacing = this.#pacing;
    while (this.pending > 0) {
      if (!pacing.mayStart(this.now)) {
        if (pacing.isMarkNeeded) this.#send(0, pacing.mark(this.now));
        return;
      }
      const bytes = Math.min(this.pending, pacing.messageBytesMax);
      this.pending -= bytes;
      this.#send(bytes, pacing.sent(bytes, this.now));
    }
  }

  /** Sends bytes that are not paced. */
  sendAnswer(bytes: number): void {
    this.#send(bytes, this.#pacing.sent(bytes, this.now));
  }

  /** Lets time pass; the session sends whenever it may. */
  run(forMs: number): void {
    for (const end = this.now + forMs; this.now < end; ) {
      this.now += STEP_MS;
      this.#read();
      this.#answer();
      this.flush();
    }
  }

  #send(bytes: number, mark: number): void {
    if (mark !== NO_MARK) this.pings++;
    this.#queue.push({ sentAt: this.now, mark, bytesLeft: bytes });
  }

  #read(): void {
    let allowance = (this.#path.bytesPerSecond * STEP_MS) / 1000;
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const bytes = Math.min(first.bytesLeft, allowance);
      first.bytesLeft -= bytes;
      allowance -= bytes;
      this.bytesRead += bytes;
      if (first.bytesLeft > 0) return;
      this.#queue.shift();
      this.queuedMsMax = Math.max(this.queuedMsMax, this.now - first.sentAt);
      if (first.mark !== NO_MARK && this.answers) {
        this.#pongs.push({ mark: first.mark, dueAt: this.now + 2 * this.#path.delayMs });
      }
    }
  }

  #answer(): void {
    for (let first = this.#pongs[0]; first !== undefined; first = this.#pongs[0]) {
      if (first.dueAt > this.now) return;
      this.#pongs.shift();
      this.#pacing.answered(first.mark, this.now);
    }
  }
}
