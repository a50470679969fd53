import type { TransportOptions } from './transport.ts';

/** Slower than this no body may come, bytes a millisecond; uWebSockets.js has the same rule. */
const BODY_BYTES_PER_MS_MIN = 16;

/** How long a body may take to arrive, ms: the idle time, and what the largest takes at the slowest. */
export function bodyTimeoutMs({ idleMs, bodyBytesMax }: TransportOptions): number {
  return idleMs + Math.ceil(bodyBytesMax / BODY_BYTES_PER_MS_MIN);
}
