import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Config } from './config/schema.ts';
import { tickwireVersion } from './config/version.ts';
import { Engine } from './engine/index.ts';
import { Assets, Gateway } from './gateway/index.ts';

/** A running server: an engine and the gateway that serves it. */
export interface Server {
  readonly port: number;
  readonly partitions: number;
  readonly transport: string;
  /** Stops gracefully, once; see `server.drainMs`. */
  stop(): Promise<void>;
}

/** Where the build puts what browsers load, seen from this file, built or not. */
const PUBLIC = fileURLToPath(
  new URL(import.meta.url.endsWith('.js') ? '../public' : '../dist/public', import.meta.url),
);

/**
 * Starts a server.
 *
 * @param publicFolder what browsers load; without it the server runs, and says so
 * @throws Error when the address cannot be listened on, or the chosen transport does not load
 */
export async function startServer(
  config: Config,
  log: Logger,
  publicFolder = PUBLIC,
): Promise<Server> {
  const { processing } = config;
  const partitions = processing.partitions || availableParallelism();
  const engine = await Engine.start(
    { ...processing, partitions, overwrites: processing.overflow === 'dropOldest' },
    {
      workerRestarted: (partition, cause) =>
        log.error({ partition, err: cause }, 'a partition worker died and is being replaced'),
    },
  );
  let gateway: Gateway;
  try {
    const assets = await readAssets(publicFolder, log);
    gateway = await Gateway.start(config, engine, log, tickwireVersion(), assets);
  } catch (error) {
    await engine.stop();
    throw error;
  }
  let stopped: Promise<void> | undefined;
  return {
    port: gateway.port,
    partitions,
    transport: gateway.transportName,
    stop: () => {
      stopped ??= gateway.stop().then(() => engine.stop());
      return stopped;
    },
  };
}

async function readAssets(folder: string, log: Logger): Promise<Assets> {
  const assets = await Assets.read(folder);
  const { missing } = assets;
  if (missing.length > 0) log.warn({ folder, missing }, 'not built, so not served: npm run build');
  return assets;
}
