import {
  ErrorCode,
  type Frame,
  isReconnectable,
  Op,
  ProtocolError,
  PUBLISH_PATH,
} from '../../src/protocol/index.ts';
import { AliasTable } from './alias-table.ts';
import { reconnectDelayMs } from './backoff.ts';
import { type Closure, Connection, closureError, type Welcome } from './connection.ts';
import type { PublisherOptions, PublisherTotals } from './publisher-options.ts';
import { withSequence } from './tick-encoder.ts';
import { UnacknowledgedFrames } from './unacknowledged-frames.ts';
import { openWsSocket } from './ws-socket.ts';

/**
 * Bytes of a tick at most (an alias of 5, price and time of 9 each), and of what stands around the
 * ticks.
 */
const TICK_BYTES_MAX = 23;
const FRAME_HEADER_BYTES_MAX = 16;
/** How long a frame refused for back-pressure waits where no ACK comes first. */
const BACKPRESSURE_RETRY_MS = 50;

const DEFAULTS = {
  openSocket: openWsSocket,
  connectTimeoutMs: 10_000,
  giveUpAfterMs: 60_000,
  bufferedBytesMax: 4 * 1024 * 1024,
};

/** What a session tells the publisher it belongs to. */
export interface PublishSessionEvents {
  /** The first connection is open. */
  opened(): void;
  /** Credit or acknowledgements changed. */
  progress(): void;
  /** No connection will be tried again; comes once. */
  failed(failure: Error): void;
}

/** The numbers of an ACK since its connection began. */
interface Counts {
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
}

const NOTHING: Counts = { accepted: 0, rejected: 0, dropped: 0 };

/**
 * The state of a publisher across connections: which frames are open, what credit allows, when to
 * come back.
 */
export class PublishSession {
  readonly aliases = new AliasTable();
  welcome: Welcome | undefined;
  /** The sequence that the next frame gets. */
  nextSequence = 1;
  framesTaken = 0;
  /** The most ticks that the server takes in a frame. */
  frameTicksMax = 1;
  readonly #url: string;
  readonly #options: PublisherOptions & typeof DEFAULTS;
  readonly #events: PublishSessionEvents;
  readonly #frames = new UnacknowledgedFrames();
  #connection: Connection | undefined;
  /** True from WELCOME to the end of the connection. */
  #isOpen = false;
  #isClosed = false;
  /** A frame was refused for back-pressure: nothing is sent until an ACK or the retry timer. */
  #isHeld = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #jitterMs: number | undefined;
  #failedAttempts = 0;
  /** When the connection was first lost since the last progress; undefined while all is well. */
  #lostAt: number | undefined;
  #credit = 0;
  #acknowledged = 0;
  #ticksTaken = 0;
  #resumed = 0;
  #reconnects = 0;
  /** What earlier connections counted, and the last ACK of this one. */
  #earlier = NOTHING;
  #counts = NOTHING;

  constructor(url: string, options: PublisherOptions, events: PublishSessionEvents) {
    const endpoint = new URL(PUBLISH_PATH, url);
    endpoint.searchParams.set('publisher', options.publisher);
    this.#url = endpoint.href;
    this.#options = { ...DEFAULTS, ...options };
    this.#events = events;
    this.#connect();
  }

  /** Ticks that may be sent now. */
  get credit(): number {
    if (!this.#isOpen || this.#isHeld || this.isBufferFull) return 0;
    if (this.#frames.nextToSend !== undefined) return 0;
    return Math.max(0, this.#credit - this.#frames.ticksSent);
  }

  /** Whether the socket holds as many unsent bytes as it may. */
  get isBufferFull(): boolean {
    return (this.#connection?.bufferedAmount ?? 0) >= this.#options.bufferedBytesMax;
  }

  get framesAcknowledged(): number {
    return this.framesTaken - this.#frames.length;
  }

  get totals(): PublisherTotals {
    const counts = sum(this.#earlier, this.#counts);
    return {
      sent: this.#ticksTaken,
      ...counts,
      resumed: this.#resumed,
      unacknowledged: this.#frames.all().reduce((ticks, frame) => ticks + frame.ticks, 0),
      reconnects: this.#reconnects,
    };
  }

  /** Takes a frame that carries {@link nextSequence}, and sends it as soon as it may. */
  take(ticks: number, message: Uint8Array | string): void {
    this.#frames.push({ sequence: this.nextSequence++, ticks, message });
    this.framesTaken++;
    this.#ticksTaken += ticks;
    this.#sendWaiting();
  }

  /** Ends the session; open frames are given up. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    this.#connection?.close();
  }

  /** Ends the session because of a failure. */
  fail(failure: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.failed(failure);
  }

  #connect(): void {
    const { encoding = 'binary', token, openSocket, connectTimeoutMs } = this.#options;
    this.#connection = new Connection(
      this.#url,
      { encoding, token, openSocket, connectTimeoutMs },
      {
        welcome: (info) => this.#welcomed(info),
        frame: (frame) => this.#receive(frame),
        closed: (closure) => this.#closed(closure),
      },
    );
  }

  #welcomed(info: Welcome): void {
    const { sequence = 0, credit = 0, limits } = info;
    const ticksThatFit = Math.floor(
      (limits.frameBytesMax - FRAME_HEADER_BYTES_MAX) / TICK_BYTES_MAX,
    );
    this.frameTicksMax = Math.min(limits.ticksPerFrameMax, ticksThatFit);
    const isFirst = this.welcome === undefined;
    this.welcome = info;
    this.#credit = credit;
    this.#isHeld = false;
    this.#jitterMs = undefined;
    this.#failedAttempts = 0;
    if (this.#frames.length === 0) this.#lostAt = undefined;
    this.aliases.forgetDeclarations();
    if (isFirst) this.#startAfter(sequence);
    else this.#resumeAfter(sequence);
    if (this.#isClosed) return;
    this.#isOpen = true;
    this.#sendWaiting();
    if (isFirst) this.#events.opened();
    else this.#events.progress();
  }

  #startAfter(sequence: number): void {
    this.#acknowledged = sequence;
    this.nextSequence = sequence + 1;
  }

  /** Fits the open frames to what the server says it has. */
  #resumeAfter(sequence: number): void {
    this.#frames.rewind();
    if (sequence >= this.nextSequence) {
      const { publisher } = this.#options;
      this.fail(new Error(`another publisher uses the name ${publisher}: it is at ${sequence}`));
    } else if (sequence < this.#acknowledged) {
      this.#renumber(sequence);
    } else {
      this.#resumed += this.#acknowledge(sequence);
    }
  }

  // The server does not know frames that it once acknowledged: it lost its memory, and counts on
  // from where it says.
  #renumber(sequence: number): void {
    this.#startAfter(sequence);
    for (const frame of this.#frames.all()) {
      frame.sequence = this.nextSequence++;
      frame.message = withSequence(frame.message, frame.sequence);
    }
  }

  #receive(frame: Frame): void {
    switch (frame[0]) {
      case Op.ACK:
        this.#ack(frame as unknown as AckFrame);
        break;
      case Op.REJECT:
        this.#reject(frame[1] as number, frame[2] as number[]);
        break;
      case Op.ERROR:
        this.#error(frame);
        break;
      case Op.GOAWAY:
        this.#jitterMs = frame[3] as number;
        break;
    }
  }

  #ack([, sequence, accepted, rejected, dropped, credit]: AckFrame): void {
    this.#counts = { accepted, rejected, dropped };
    this.#credit = credit;
    this.#acknowledge(sequence);
    this.#release();
  }

  #acknowledge(sequence: number): number {
    const framesBefore = this.#frames.length;
    const ticks = this.#frames.acknowledge(sequence);
    const frames = framesBefore - this.#frames.length;
    if (frames === 0) return 0;
    this.#acknowledged = sequence;
    this.#lostAt = undefined;
    this.#options.onAck?.(frames);
    return ticks;
  }

  #reject(sequence: number, faults: readonly number[]): void {
    const ticks: { index: number; code: number }[] = [];
    for (let i = 0; i + 1 < faults.length; i += 2) {
      ticks.push({ index: faults[i] as number, code: faults[i + 1] as number });
    }
    this.#options.onReject?.({ sequence, ticks });
  }

  #error(frame: Frame): void {
    const [, requestId, code, message, , retryAfterMs] = frame;
    if (code === ErrorCode.backpressure) {
      this.#hold(typeof retryAfterMs === 'number' ? retryAfterMs : BACKPRESSURE_RETRY_MS);
    } else if (code !== ErrorCode.sequence_gap) {
      // After a gap the server closes with 4005, and resuming on a new connection mends it.
      const id = typeof requestId === 'number' ? requestId : null;
      this.#options.onError?.(new ProtocolError(code as ErrorCode, String(message), id));
    }
  }

  // Which frame was refused is not told, so all open ones are sent again: those that got in are not
  // applied twice.
  #hold(delayMs: number): void {
    this.#frames.rewind();
    this.#isHeld = true;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#release(), delayMs);
  }

  #release(): void {
    this.#isHeld = false;
    this.#sendWaiting();
    this.#events.progress();
  }

  #sendWaiting(): void {
    const connection = this.#connection;
    if (!this.#isOpen || this.#isHeld || connection === undefined) return;
    const frames = this.#frames;
    for (let frame = frames.nextToSend; frame !== undefined; frame = frames.nextToSend) {
      if (frames.ticksSent + frame.ticks > this.#credit) return;
      for (const declaration of this.aliases.declarations()) connection.send(declaration);
      connection.sendEncoded(frame.message);
      frames.markSent();
    }
  }

  #closed(closure: Closure): void {
    this.#isOpen = false;
    clearTimeout(this.#retryTimer);
    this.#earlier = sum(this.#earlier, this.#counts);
    this.#counts = NOTHING;
    if (this.#isClosed) return;
    this.#lostAt ??= performance.now();
    const isStuck = performance.now() - this.#lostAt > this.#options.giveUpAfterMs;
    if (this.welcome === undefined || isStuck || !isReconnectable(closure.code)) {
      this.fail(closureError(closure));
      return;
    }
    this.#reconnects++;
    this.#options.onReconnect?.(closure);
    const delayMs = reconnectDelayMs(this.#failedAttempts++, this.#jitterMs);
    this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
  }
}

type AckFrame = readonly [
  op: number,
  sequence: number,
  accepted: number,
  rejected: number,
  dropped: number,
  credit: number,
];

function sum(a: Counts, b: Counts): Counts {
  return {
    accepted: a.accepted + b.accepted,
    rejected: a.rejected + b.rejected,
    dropped: a.dropped + b.dropped,
  };
}
