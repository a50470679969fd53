import type { Encoding } from '../../../src/protocol/index.ts';
import type { Connection, Welcome } from '../connection/connection.ts';
import type { AliasTable } from './alias-table.ts';
import { encodeTicksJson, TickEncoder, ticksThatFit } from './tick-encoder.ts';
import type { TickStream } from './tick-stream.ts';
import type { UnacknowledgedFrame } from './unacknowledged-frames.ts';

/** Sockets do not report that their buffer drained: interval of polling, ms. */
const FULL_SOCKET_POLL_MS = 1;
/** Limits of an ALIAS frame: symbols, bytes of a symbol, bytes around the symbols. */
const SYMBOLS_PER_FRAME = 1000;
const SYMBOL_BYTES_MAX = 132;
const AROUND_SYMBOLS_BYTES_MAX = 32;

export interface SenderOptions {
  readonly encoding: Encoding;
  /** Most ticks of a frame. */
  readonly batchTicksMax: number;
  /** Nothing is sent while this many bytes wait in the socket. */
  readonly bufferedBytesMax: number;
}

/** Sends the ticks of a stream as connection, credit and socket allow. */
export class FrameSender {
  readonly #stream: TickStream;
  readonly #aliases: AliasTable;
  readonly #options: SenderOptions;
  readonly #encoder = new TickEncoder();
  #connection: Connection | undefined;
  /** Most ticks and most symbols that fit in a frame. */
  #frameTicksMax = 0;
  #frameSymbolsMax = 0;
  /** Ticks that may be sent beyond the acknowledged ones. */
  #credit = 0;
  /** A frame was refused for back-pressure: nothing is sent until an ACK or the timer. */
  #isHeld = false;
  /**
   * Pacing after a rate limit refusal: frames left until the next release, frames of a release, and
   * time between releases, ms. Unlimited otherwise.
   */
  #framesLeft = Number.POSITIVE_INFINITY;
  #burst = Number.POSITIVE_INFINITY;
  #paceMs = 0;
  #holdTimer: ReturnType<typeof setTimeout> | undefined;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(stream: TickStream, aliases: AliasTable, options: SenderOptions) {
    this.#stream = stream;
    this.#aliases = aliases;
    this.#options = options;
  }

  /** Ticks that another frame may hold now; 0 while frames wait. */
  get frameRoom(): number {
    if (this.#stream.nextToSend !== undefined) return 0;
    return Math.min(this.#creditLeft, this.#frameTicksMax);
  }

  /** Ticks that may be sent now. */
  get credit(): number {
    return this.#stream.nextToSend === undefined ? this.#creditLeft : 0;
  }

  /** Most ticks of a frame for a server with these limits. */
  frameTicksMax({ frameBytesMax, ticksPerFrameMax }: Welcome['limits']): number {
    const fitting = ticksThatFit(frameBytesMax, this.#options.encoding);
    return Math.max(1, Math.min(ticksPerFrameMax, fitting));
  }

  /** A session opened. The stream has resumed already. */
  opened(connection: Connection, { limits, credit = 0 }: Welcome): void {
    this.#frameTicksMax = this.frameTicksMax(limits);
    const symbols = Math.floor(
      (limits.frameBytesMax - AROUND_SYMBOLS_BYTES_MAX) / SYMBOL_BYTES_MAX,
    );
    this.#frameSymbolsMax = Math.max(1, Math.min(SYMBOLS_PER_FRAME, symbols));
    this.#connection = connection;
    this.#credit = credit;
    this.#aliases.forgetDeclarations();
    this.sendWaiting();
  }

  /** The session is gone. */
  lost(): void {
    this.#connection = undefined;
    this.#isHeld = false;
    this.#endPace();
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#pollTimer);
    this.#pollTimer = undefined;
  }

  /** An ACK came. The stream has taken it already. */
  acknowledged(credit: number): void {
    this.#credit = credit;
    // Credit does not lift a rate limit.
    if (!this.#isPaced) this.#release();
  }

  /**
   * A frame was refused for back-pressure. The refusal does not name it, so all open frames are
   * sent again unchanged; the server ignores those that it has.
   */
  hold(delayMs: number): void {
    this.#stream.rewind();
    this.#isHeld = true;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.#release(), delayMs);
  }

  /**
   * A frame was refused because ticks came too fast. It is sent again after `delayMs`, alone. From
   * then on, each `delayMs` without a refusal doubles the number of frames: sending all at once
   * would make the server read everything only to refuse it.
   */
  slowDown(delayMs: number): void {
    this.#paceMs = delayMs;
    this.#burst = 1;
    this.hold(delayMs);
  }

  /** Sends as much of what is sealed as possible. */
  sendWaiting(): void {
    const stream = this.#stream;
    for (;;) {
      if (stream.nextToSend === undefined) {
        const ticks = Math.min(stream.sealed, this.#options.batchTicksMax, this.frameRoom);
        if (ticks <= 0) break;
        stream.cutFrame(ticks);
      }
      if (!this.#sendNext()) break;
    }
    if (this.#isSocketFull && (stream.sealed > 0 || stream.nextToSend !== undefined)) this.#poll();
  }

  /** Sends all sealed ticks as one frame. {@link frameRoom} must allow it. */
  sendAsOne(): void {
    this.#stream.cutFrame(this.#stream.sealed);
    this.#sendNext();
  }

  #sendNext(): boolean {
    const frame = this.#stream.nextToSend;
    const connection = this.#connection;
    if (frame === undefined || connection === undefined) return false;
    if (frame.ticks > this.#creditLeft) return false;
    while (this.#aliases.isUndeclared) {
      connection.send(this.#aliases.nextDeclaration(this.#frameSymbolsMax));
    }
    connection.sendEncoded(this.#encode(frame));
    this.#stream.markSent();
    this.#framesLeft--;
    return true;
  }

  #encode(frame: UnacknowledgedFrame): Uint8Array<ArrayBuffer> | string {
    const { buffer } = this.#stream;
    return this.#options.encoding === 'json'
      ? encodeTicksJson(frame.sequence, buffer, frame)
      : this.#encoder.encode(frame.sequence, buffer, frame);
  }

  get #creditLeft(): number {
    if (this.#connection === undefined || this.#isHeld || this.#isSocketFull) return 0;
    if (this.#framesLeft <= 0) return 0;
    return Math.max(0, this.#credit - this.#stream.inFlight);
  }

  get #isSocketFull(): boolean {
    return (this.#connection?.bufferedAmount ?? 0) >= this.#options.bufferedBytesMax;
  }

  #release(): void {
    this.#isHeld = false;
    clearTimeout(this.#holdTimer);
    this.#framesLeft = this.#burst;
    if (this.#isPaced) this.#goOnPaced();
    this.sendWaiting();
  }

  get #isPaced(): boolean {
    return this.#burst < Number.POSITIVE_INFINITY;
  }

  /** Pacing ends when nothing waits to be sent. */
  #goOnPaced(): void {
    if (this.#stream.nextToSend === undefined && this.#stream.sealed === 0) {
      this.#endPace();
      return;
    }
    this.#burst *= 2;
    this.#holdTimer = setTimeout(() => this.#release(), this.#paceMs);
  }

  #endPace(): void {
    this.#burst = Number.POSITIVE_INFINITY;
    this.#framesLeft = Number.POSITIVE_INFINITY;
  }

  #poll(): void {
    this.#pollTimer ??= setTimeout(() => {
      this.#pollTimer = undefined;
      this.sendWaiting();
    }, FULL_SOCKET_POLL_MS);
  }
}
