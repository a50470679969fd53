import { limitation, uwsBuild } from './abilities.ts';
import { startNodeTransport } from './node-transport.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import { loadUws, UWS_BINARIES } from './uws-loader.ts';
import { startUwsTransport } from './uws-transport.ts';

/** The transport to run; `auto`: uws if its binary loads, else node. */
export type TransportChoice = 'auto' | 'uws' | 'node';

/** The limits of time by default, ms: other values were meant to have an effect. */
const DEFAULT_MS = 10_000;
/** Fixed time limit of uWebSockets.js for request heads and idle connections, s, as measured. */
const UWS_SECONDS = { 'uws 20.57': 30, 'uws 20.30': 10 } as const;

/** The start's log. */
export interface TransportLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Starts the chosen transport. Logs a line if it does less than the other one could: if `auto` had
 * to fall back, what the binary of uws cannot do, and configured times that it ignores.
 *
 * @throws Error if `uws` was chosen and does not load, or if the address cannot be listened on
 */
export async function startTransport(
  choice: TransportChoice,
  options: TransportOptions,
  handlers: TransportHandlers,
  log: TransportLog,
): Promise<Transport> {
  if (choice === 'node') return startNodeTransport(options, handlers);
  const load = loadUws();
  if (load.loaded) {
    logLimitation(load.version, log);
    if (options.headMs !== DEFAULT_MS || options.idleMs !== DEFAULT_MS) {
      log.warn(
        {},
        'limits.httpHeaderMs and limits.httpIdleMs have no effect: uWebSockets.js allows ' +
          `${UWS_SECONDS[uwsBuild(load.version)]} s for each; the transport "node" follows them.`,
      );
    }
    return startUwsTransport(load.uws, options, handlers);
  }
  const why = `uWebSockets.js does not load (${load.reasons.join('; ')}). ${UWS_BINARIES}`;
  if (choice === 'uws') throw new Error(`${why}; or choose the transport "node".`);
  log.warn({}, `Running on the slower transport (ws and node:http): ${why}.`);
  return startNodeTransport(options, handlers);
}

function logLimitation(version: string, log: TransportLog): void {
  const build = uwsBuild(version);
  const line = `uWebSockets.js ${version} ${limitation(build)}.`;
  if (build === 'uws 20.57') log.info({}, `${line} The slower transport "node" does not.`);
  else log.warn({}, `${line} ${REMEDY}`);
}

const REMEDY =
  'Version 20.57 does better where glibc is 2.38 or newer, as does the slower transport "node"; ' +
  'a proxy in front can avoid all of these: docs/PROXIES.md.';
