import { startNodeTransport } from './node-transport.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import { loadUws, UWS_BINARIES } from './uws-loader.ts';
import { startUwsTransport } from './uws-transport.ts';

/** Which transport to run; `auto` is uws where its binary loads, else node. */
export type TransportChoice = 'auto' | 'uws' | 'node';

/**
 * Starts the chosen transport. `warn` is called at most once, when `auto` had to fall back.
 *
 * @throws Error when `uws` was asked for and does not load, or when the address cannot be
 *   listened on
 */
export async function startTransport(
  choice: TransportChoice,
  options: TransportOptions,
  handlers: TransportHandlers,
  warn: (message: string) => void,
): Promise<Transport> {
  if (choice === 'node') return startNodeTransport(options, handlers);
  const load = loadUws();
  if (load.loaded) return startUwsTransport(load.uws, options, handlers);
  const why = `uWebSockets.js does not load (${load.reasons.join('; ')}). ${UWS_BINARIES}`;
  if (choice === 'uws') throw new Error(`${why}; or choose the transport "node".`);
  warn(`Running on the slower transport (ws and node:http): ${why}.`);
  return startNodeTransport(options, handlers);
}
