import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from './config/schema.ts';
import { tickwireVersion } from './config/version.ts';
import { Engine } from './engine/index.ts';
import { Gateway } from './gateway/index.ts';

/** A running server: an engine and the gateway that serves it. */
export interface Server {
  readonly port: number;
  readonly partitions: number;
  readonly transport: string;
  /** Stops gracefully, once; see `server.drainMs`. */
  stop(): Promise<void>;
}

/**
 * Starts a server.
 *
 * @throws Error when the address cannot be listened on, or the chosen transport does not load
 */
export async function startServer(config: Config, log: Logger): Promise<Server> {
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
    gateway = await Gateway.start(config, engine, log, tickwireVersion());
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
