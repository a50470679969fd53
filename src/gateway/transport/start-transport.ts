import { startNodeTransport } from './node-transport.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import { loadUws, UWS_BINARIES } from './uws-loader.ts';
import { startUwsTransport } from './uws-transport.ts';

/** Which transport to run; `auto` is uws where its binary loads, else node. */
export type TransportChoice = 'auto' | 'uws' | 'node';

/** Time that uWebSockets.js gives request heads and idle connections, ms; it is fixed. */
const UWS_TIMEOUT_MS = 10_000;

/**
 * Starts the chosen transport. `warn` is called at most once: when `auto` had to fall back, or when
 * uws will not go by what was configured.
 *
 * @throws Error when `uws` was asked for and does not load, or when the address cannot be listened
 *   on
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
