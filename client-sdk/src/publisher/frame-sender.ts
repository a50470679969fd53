import type { Encoding } from '../../../src/protocol/index.ts';
import type { Connection, Welcome } from '../connection/connection.ts';
import type { AliasTable } from './alias-table.ts';
import { encodeTicksJson, TickEncoder, ticksThatFit } from './tick-encoder.ts';
import type { TickStream } from './tick-stream.ts';
import type { UnacknowledgedFrame } from './unacknowledged-frames.ts';

/** A socket does not tell when its buffer drains: how often to look, ms. */
const FULL_SOCKET_POLL_MS = 1;
/** Symbols of one ALIAS frame at most, and the bytes of one and of what stands around them at most. */
const SYMBOLS_PER_FRAME = 1000;
const SYMBOL_BYTES_MAX = 132;
const AROUND_SYMBOLS_BYTES_MAX = 32;

export interface SenderOptions {
  readonly encoding: Encoding;
  /** Ticks that a frame of sealed ticks gets at most. */
  readonly batchTicksMax: number;
  /** Nothing is sent while so many bytes wait in the socket. */
  readonly bufferedBytesMax: number;
}

/** Sends the ticks of a stream as soon as connection, credit and socket allow. */
export class FrameSender {
  readonly #stream: TickStream;
  readonly #aliases: AliasTable;
  readonly #options: SenderOptions;
  readonly #encoder = new TickEncoder();
  #connection: Connection | undefined;
  /** The most ticks that the server takes in a frame, and the most symbols that fit into one. */
  #frameTicksMax = 0;
  #frameSymbolsMax = 0;
  /** Ticks that may be sent beyond those acknowledged. */
  #credit = 0;
  /** A frame was refused for back-pressure: nothing is sent until an ACK or the timer. */
  #isHeld = false;
  /**
   * After a refusal because ticks came too fast: how many more frames may be sent before the next moment to send some, how
   * many that one allows, and when it comes, ms. Unlimited otherwise.
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

  /** Ticks that one more frame may hold now; 0 while others wait. */
  get frameRoom(): number {
    if (this.#stream.nextToSend !== undefined) return 0;
    return Math.min(this.#creditLeft, this.#frameTicksMax);
  }

  /** Ticks that may be sent now. */
  get credit(): number {
    return this.#stream.nextToSend === undefined ? this.#creditLeft : 0;
  }

  /** A session opened; the stream knows from where to go on. */
  opened(connection: Connection, { limits, credit = 0 }: Welcome): void {
    const { frameBytesMax, ticksPerFrameMax } = limits;
    const fitting = ticksThatFit(frameBytesMax, this.#options.encoding);
    this.#frameTicksMax = Math.max(1, Math.min(ticksPerFrameMax, fitting));
    const symbols = Math.floor((frameBytesMax - AROUND_SYMBOLS_BYTES_MAX) / SYMBOL_BYTES_MAX);
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

  /** An ACK came, which the stream knows of. */
  acknowledged(credit: number): void {
    this.#credit = credit;
    // Credit does not make what came too fast any slower.
    if (!this.#isPaced) this.#release();
  }

  /**
   * A frame was refused for back-pressure. Which one is not told, so all open ones are sent again, as
   * they were: those that got in, or still do, are not applied twice.
   */
  hold(delayMs: number): void {
    this.#stream.rewind();
    this.#isHeld = true;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.#release(), delayMs);
  }

  /**
   * A frame was refused because ticks came too fast; it may be sent again after `delayMs`. So may then one more frame each
   * such time, and twice as many each time that none is refused: sending everything again at once would have the server
   * read it all only to refuse it.
   */
  slowDown(delayMs: number): void {
    this.#paceMs = delayMs;
    this.#burst = 1;
    this.hold(delayMs);
  }

  /** Sends what is sealed, as far as it goes. */
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

  /** Sends all that is sealed as one frame, which {@link frameRoom} has room for. */
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

  /** Paced until a moment comes at which nothing waits to be sent. */
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
