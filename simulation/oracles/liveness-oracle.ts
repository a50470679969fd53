import { expectThat } from '../core/violation.ts';
import type { ServerOracle } from './server-oracle.ts';

const UNRESPONSIVE = 4002;
/**
 * The server looks at its sessions at intervals, and its loop may stand still: what it may be late
 * by, ms.
 */
const LATE_MS_MAX = 400;
/** Of `slowSessionCloseMs`: shorter standstills of the server count as silence. */
const EXCUSED_SHARE = 0.35;

/**
 * Sees to it that no connection is silent for longer than promised, and none is closed whose peer
 * shows life.
 */
export class LivenessOracle {
  readonly #server: ServerOracle;
  #framesSent = 0;
  #sentAt: number;

  constructor(server: ServerOracle) {
    this.#server = server;
    this.#sentAt = server.now;
  }

  /** The server sends a frame; `counted`: the number that it gives, where it is a HEARTBEAT. */
  sent(counted: unknown): void {
    const silenceMs = this.#server.now - this.#sentAt - this.#server.pausedSince(this.#sentAt);
    const { heartbeatMs } = this.#server.config.server;
    expectThat(
      silenceMs <= 1.5 * heartbeatMs + LATE_MS_MAX,
      'the server is not silent for longer than heartbeatMs',
      () => `${silenceMs} ms of silence; heartbeatMs is ${heartbeatMs}`,
    );
    expectThat(
      counted === undefined || counted === this.#framesSent,
      'heartbeats count the frames before them',
      () => `HEARTBEAT counts ${String(counted)} of ${this.#framesSent}`,
    );
    this.#sentAt = this.#server.now;
    this.#framesSent++;
  }

  /**
   * The server closes; the peer showed no life for `quietMs`, and has not taken `buffered` bytes. A
   * standstill of the server is not the silence of its peer, but for short ones, which it cannot
   * tell from work.
   */
  closed(code: number, silenceMs: number, buffered: number): void {
    const { slowSessionCloseMs, socketBufferBytesMax } = this.#server.config.stream;
    const isExcused = (ms: number) => ms > EXCUSED_SHARE * slowSessionCloseMs;
    const excusedMs = this.#server.pausedSince(this.#server.now - silenceMs, isExcused);
    const quietMs = silenceMs - excusedMs;
    expectThat(
      code !== UNRESPONSIVE ||
        quietMs >= slowSessionCloseMs - LATE_MS_MAX ||
        buffered > 2 * socketBufferBytesMax,
      'only sessions without life are closed as such',
      () =>
        `closed ${quietMs} ms after a sign of life; slowSessionCloseMs is ${slowSessionCloseMs}`,
    );
  }
}
