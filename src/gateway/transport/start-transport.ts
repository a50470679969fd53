import { startNodeTransport } from './node-transport.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import { loadUws, UWS_BINARIES } from './uws-loader.ts';
import { startUwsTransport } from './uws-transport.ts';

/** The transport to run; `auto`: uws if its binary loads, else node. */
export type TransportChoice = 'auto' | 'uws' | 'node';

/** Fixed time limit of uWebSockets.js for request heads and idle connections, ms. */
const UWS_TIMEOUT_MS = 10_000;

/**
 * Starts the chosen transport. Calls `warn` at most once: if `auto` had to fall back, or if uws
 * ignores configured times.
 *
 * @throws Error if `uws` was chosen and does not load, or if the address cannot be listened on
 */
export async function startTransport(
  choice: TransportChoice,
  options: TransportOptions,
  handlers: TransportHandlers,
  warn: (message: string) => void,
): Promise<Transport> {
  if (choice === 'node') return startNodeTransport(options, handlers);
  const load = loadUws();
  if (load.loaded) {
    if (options.headMs !== UWS_TIMEOUT_MS || options.idleMs !== UWS_TIMEOUT_MS) {
      warn(
        'limits.httpHeaderMs and limits.httpIdleMs have no effect: uWebSockets.js allows 10 s ' +
          'for each; the transport "node" follows them.',
      );
    }
    return startUwsTransport(load.uws, options, handlers);
  }
  const why = `uWebSockets.js does not load (${load.reasons.join('; ')}). ${UWS_BINARIES}`;
  if (choice === 'uws') throw new Error(`${why}; or choose the transport "node".`);
  warn(`Running on the slower transport (ws and node:http): ${why}.`);
  return startNodeTransport(options, handlers);
}
