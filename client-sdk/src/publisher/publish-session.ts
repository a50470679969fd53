import { ErrorCode, errorName, type Frame, Op } from '../../../src/protocol/index.ts';
import {
  type Closure,
  type Connection,
  type ConnectionState,
  ServerError,
  type StateChange,
  type Welcome,
} from '../connection/connection.ts';
import { Reconnector } from '../connection/reconnector.ts';
import type { Emitter } from '../events.ts';
import type { AliasTable } from './alias-table.ts';
import { FrameSender } from './frame-sender.ts';
import type { PublisherEvents } from './publisher-events.ts';
import type { PublisherSettings } from './publisher-options.ts';
import type { TickStream } from './tick-stream.ts';
import { type PublisherTotals, TickTally } from './tick-tally.ts';

/** Wait after a refusal if the server does not say, ms. */
const RETRY_MS = 50;

/**
 * A publisher's side of the protocol over all its connections: sends a stream and handles the
 * answers.
 */
export class PublishSession {
  readonly sender: FrameSender;
  state: ConnectionState = 'connecting';
  failure: Error | undefined;
  /** WELCOME of the newest session. */
  welcome: Welcome | undefined;
  readonly #settings: PublisherSettings;
  readonly #stream: TickStream;
  readonly #aliases: AliasTable;
  readonly #emitter: Emitter<PublisherEvents>;
  readonly #progress: () => void;
  readonly #isAwaited: () => boolean;
  readonly #tally = new TickTally();
  #reconnector: Reconnector | undefined;

  /**
   * @param progress called when ticks were acknowledged, and at the end
   * @param isAwaited whether a caller waits for something that the end rejects
   */
  constructor(
    settings: PublisherSettings,
    stream: TickStream,
    aliases: AliasTable,
    emitter: Emitter<PublisherEvents>,
    progress: () => void,
    isAwaited: () => boolean,
  ) {
    this.#stream = stream;
    this.#aliases = aliases;
    this.#settings = settings;
    this.#emitter = emitter;
    this.#progress = progress;
    this.#isAwaited = isAwaited;
    this.sender = new FrameSender(stream, aliases, settings.sender);
  }

  /** Starts connecting. */
  start(): void {
    const { urls, connect } = this.#settings;
    this.#reconnector = new Reconnector(urls, connect, {
      opened: (info, connection) => this.#opened(info, connection),
      frame: (frame) => this.#receive(frame),
      lost: (closure, retryInMs) => this.#lost(closure, retryInMs),
      ended: (failure, closure) => this.#ended(failure, closure),
      isHeard: () => this.#isHeard(),
    });
  }

  get totals(): PublisherTotals {
    const { taken, acknowledged, inFlight } = this.#stream;
    const unacknowledged = taken - acknowledged;
    return this.#tally.totals(taken, unacknowledged, unacknowledged - inFlight);
  }

  authenticate(token: string): void {
    this.#reconnector?.authenticate(token);
  }

  /** Ends the session and drops unacknowledged ticks. */
  close(): void {
    this.#reconnector?.close();
  }

  /** Ends the session because of a failure. */
  fail(failure: Error): void {
    if (this.#reconnector === undefined) this.#ended(failure);
    else this.#reconnector.close(failure);
  }

  #opened(info: Welcome, connection: Connection): void {
    const { sequence = 0 } = info;
    const resumed = this.#stream.resume(sequence, this.sender.frameTicksMax(info.limits));
    if (resumed === undefined) {
      const { name } = this.#settings;
      this.fail(new Error(`another publisher uses the name ${name}: its sequence is ${sequence}`));
      return;
    }
    this.welcome = info;
    this.#tally.restart(resumed.ticks);
    this.sender.opened(connection, info);
    this.#progress();
    this.#change({ state: 'live' });
    this.#emitter.emit('ack', resumed);
  }

  #receive(frame: Frame): void {
    if (frame[0] === Op.ACK) this.#ack(frame as unknown as AckFrame);
    else if (frame[0] === Op.REJECT) this.#reject(frame as unknown as RejectFrame);
    else if (frame[0] === Op.ERROR) this.#error(new ServerError(frame));
  }

  #ack([, sequence, accepted, rejected, dropped, credit]: AckFrame): void {
    const acknowledged = this.#stream.acknowledge(sequence);
    this.#tally.note(accepted, rejected, dropped, acknowledged.ticks);
    this.sender.acknowledged(credit);
    this.#progress();
    this.#emitter.emit('ack', acknowledged);
  }

  #reject([, sequence, faults, detail]: RejectFrame): void {
    const { buffer } = this.#stream;
    for (let i = 0; i + 1 < faults.length; i += 2) {
      const code = faults[i + 1] as number;
      const index = this.#stream.positionOf(sequence, faults[i] as number);
      if (index === undefined) continue;
      const row = index & buffer.mask;
      const time = buffer.times[row] as number;
      this.#emitter.emit('reject', {
        symbol: this.#aliases.symbolOf(buffer.aliases[row] as number),
        price: buffer.prices[row] as number,
        time: Number.isNaN(time) ? undefined : time,
        index,
        code,
        reason: errorName(code) ?? `error ${code}`,
        detail: code === ErrorCode.symbol_limit ? detail : undefined,
      });
    }
  }

  #error(error: ServerError): void {
    const { code, retryAfterMs = RETRY_MS } = error;
    if (code === ErrorCode.backpressure) {
      this.sender.hold(retryAfterMs);
    } else if (code === ErrorCode.rate_limited) {
      this.sender.slowDown(retryAfterMs);
    } else if (code !== ErrorCode.sequence_gap) {
      // After a gap the server closes with 4005; resuming on a new connection repairs it.
      this.#emitter.emit('error', error);
    }
  }

  #lost(closure: Closure, retryInMs: number): void {
    this.sender.lost();
    const state = this.state === 'connecting' ? 'connecting' : 'reconnecting';
    this.#change({ state, closure, retryInMs });
  }

  #ended(failure: Error | undefined, closure?: Closure): void {
    this.sender.lost();
    this.failure = failure;
    this.#change(closure === undefined ? { state: 'closed' } : { state: 'closed', closure });
    this.#progress();
    if (failure !== undefined) this.#emitter.emit('error', failure);
  }

  #isHeard(): boolean {
    const emitter = this.#emitter;
    return emitter.isHeard('error') || emitter.isHeard('state') || this.#isAwaited();
  }

  #change(change: Omit<StateChange, 'previous'>): void {
    const previous = this.state;
    this.state = change.state;
    this.#emitter.emit('state', { ...change, previous });
  }
}

type RejectFrame = readonly [op: number, sequence: number, faults: number[], detail?: string];

type AckFrame = readonly [
  op: number,
  sequence: number,
  accepted: number,
  rejected: number,
  dropped: number,
  credit: number,
];
