import { CloseCode } from '../../protocol/index.ts';
import type { Connection } from '../sessions/connection.ts';
import type { SecurityEvents } from '../sessions/security-events.ts';

/** Time between checks, ms. */
const CHECK_EVERY_MS = 250;

export interface SendBufferLimitOptions {
  /** Most bytes in the send buffers of all sockets together. */
  readonly bytesMax: number;
  readonly security: SecurityEvents;
  readonly sessions: () => Iterable<{ readonly connection: Connection }>;
}

/**
 * Bounds the send buffers of all sessions together. Each alone is bounded, but many slow readers
 * add up: closes the largest with 4002 until the total is within the bound.
 */
export class SendBufferLimit {
  readonly #options: SendBufferLimitOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SendBufferLimitOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const { bytesMax, security, sessions } = this.#options;
    const holders: { readonly connection: Connection; readonly bytes: number }[] = [];
    let total = 0;
    for (const { connection } of sessions()) {
      const bytes = connection.bufferedBytes;
      if (bytes > 0) holders.push({ connection, bytes });
      total += bytes;
    }
    if (total <= bytesMax) return;
    holders.sort((a, b) => b.bytes - a.bytes);
    for (const { connection, bytes } of holders) {
      if (total <= bytesMax) return;
      security.limited('sessionBytes', connection.client);
      connection.close(CloseCode.UNRESPONSIVE, 'send buffers of all sessions are over their limit');
      total -= bytes;
    }
  }
}
