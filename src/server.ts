import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Audit, type Authenticator, createAuthenticator } from './access/index.ts';
import { checkExposure } from './config/exposure.ts';
import { partitionCount } from './config/processors.ts';
import type { Config } from './config/schema.ts';
import { tickwireVersion } from './config/version.ts';
import { fitConnections, watchDescriptors } from './descriptors.ts';
import { Engine } from './engine/index.ts';
import {
  createGatewayContext,
  EventLoopDelay,
  Gateway,
  Health,
  SecurityLog,
} from './gateway/index.ts';
import { Assets, createRouter } from './http/index.ts';
import { droppedLines, logWorkerDeath, timeReplacedLogger } from './log.ts';
import {
  NOTHING_RECOVERED,
  noSnapshots,
  openStore,
  type Recovered,
  Retention,
  recover,
  type SnapshotCounters,
  Snapshots,
  type Store,
} from './store/index.ts';

/** A running server: an engine and the gateway that serves it. */
export interface Server {
  readonly port: number;
  readonly partitions: number;
  readonly transport: string;
  /** Resolves when another server has taken the store over: this one must end at once. */
  readonly lost: Promise<Error>;
  /** Resolves when the process may end: nothing is being written to the store. */
  idle(): Promise<void>;
  /** Stops gracefully, once; see `server.drainMs`. Returns what could not be saved. */
  stop(): Promise<readonly string[]>;
  /** Reads renewable files again. An unusable file is logged; its predecessor stays in use. */
  reload(): void;
}

/** The build's files for browsers, relative to this file, built or not. */
const PUBLIC = fileURLToPath(
  new URL(import.meta.url.endsWith('.js') ? '../public' : '../dist/public', import.meta.url),
);

/**
 * Starts a server.
 *
 * @param publicFolder the build's files for browsers; without them the server runs, with a warning
 * @throws Error if the address cannot be listened on or is too exposed, the transport does not
 *   load, or the certificate or the store cannot be used
 */
export async function startServer(
  config: Config,
  log: Logger,
  publicFolder = PUBLIC,
): Promise<Server> {
  checkAcknowledge(config);
  const authenticator = await createAuthenticator(config.auth, log);
  for (const warning of checkExposure(config, authenticator !== undefined)) log.warn({}, warning);
  const store = await openConfiguredStore(config, log);
  try {
    const snapshots = noSnapshots();
    const recovered =
      store === undefined ? NOTHING_RECOVERED : await recover(store, log, snapshots);
    const health = new Health(store);
    const engine = await startEngine(config, log, recovered, health);
    try {
      const assets = await readAssets(publicFolder, log);
      const security = new SecurityLog(new Audit(log));
      const eventLoop = new EventLoopDelay();
      const context = createGatewayContext({
        config: fitToDescriptors(config, log),
        engine,
        log,
        version: tickwireVersion(),
        store,
        snapshots,
        authenticator,
        security,
        securityCounts: security,
        droppedLogLines: () => droppedLines(log),
        health,
        eventLoop,
        publishers: recovered.publishers,
      });
      const gateway = await Gateway.start(context, (sessions) =>
        createRouter(context, sessions, assets),
      );
      eventLoop.start();
      return serve(config, log, {
        authenticator,
        engine,
        eventLoop,
        gateway,
        health,
        store,
        snapshots,
      });
    } catch (error) {
      await engine.stop();
      throw error;
    }
  } catch (error) {
    await store?.close();
    throw error;
  }
}

/** Anomalies are never given up where something waits for them to be durable. */
async function openConfiguredStore(config: Config, log: Logger): Promise<Store | undefined> {
  const { publish, store } = config;
  if (store.directory === '') return undefined;
  const mayGiveUp = store.mode === 'async' && publish.acknowledge === 'accepted';
  return openStore({ ...store, mayGiveUp }, log);
}

function fitToDescriptors(config: Config, log: Logger): Config {
  const { max, warning } = fitConnections(config.limits.connectionsMax);
  if (warning !== undefined) log.warn({ connectionsMax: max }, warning);
  return { ...config, limits: { ...config.limits, connectionsMax: max } };
}

function checkAcknowledge({ publish, store }: Config): void {
  if (publish.acknowledge === 'accepted') return;
  if (store.directory !== '' && store.snapshotIntervalMs > 0) return;
  const needs = 'a store (store.directory) and snapshots (store.snapshotIntervalMs above 0)';
  throw new Error(`publish.acknowledge: "durable" needs ${needs}`);
}

async function startEngine(
  { processing, store }: Config,
  log: Logger,
  { symbols, takenAt, setAside }: Recovered,
  health: Health,
): Promise<Engine> {
  const partitions = partitionCount(processing.partitions);
  const overwrites = processing.overflow === 'dropOldest';
  const engine = await Engine.start(
    {
      ...processing,
      growBytes: processing.windowBytesMax,
      partitions,
      overwrites,
      captures: store.directory !== '',
    },
    {
      workerRestarted: (partition, cause, tick) => {
        health.workerRestarted(partition);
        logWorkerDeath(log, partition, cause, tick);
      },
      symbolSetAside: setAside,
      timeReplaced: timeReplacedLogger(log),
    },
    symbols,
  );
  if (takenAt !== undefined) {
    const ageMs = Date.now() - takenAt;
    log.info({ symbols: engine.symbols.size, ageMs }, 'restored the last snapshot');
  }
  return engine;
}

/** The parts of a running server. */
interface Parts {
  readonly authenticator: Authenticator | undefined;
  readonly engine: Engine;
  readonly eventLoop: EventLoopDelay;
  readonly gateway: Gateway;
  readonly health: Health;
  readonly store: Store | undefined;
  readonly snapshots: SnapshotCounters;
}

function serve(
  { store: { snapshotIntervalMs } }: Config,
  log: Logger,
  { authenticator, engine, eventLoop, gateway, health, store, snapshots: counters }: Parts,
): Server {
  const snapshots =
    store &&
    new Snapshots(
      {
        engine,
        store,
        publishers: () => gateway.publisherSequences(),
        takeAnomalies: (raised) => gateway.takeAnomalies(raised),
        saved: (header) => {
          health.snapshotFault = undefined;
          gateway.madeDurable(header.publishers);
        },
        failed: (reason) => {
          health.snapshotFault = reason;
          gateway.notDurable();
        },
        intervalMs: snapshotIntervalMs,
        log,
      },
      counters,
    );
  const retention = store && new Retention(store, log);
  const stopWatch = watchDescriptors(log);
  let stopped: Promise<readonly string[]> | undefined;
  const stop = async () => {
    await gateway.stop();
    stopWatch();
    retention?.stop();
    const fault = await snapshots?.stop();
    await engine.stop(gateway.lastAnomalies);
    const anomalies = (await store?.close()) ?? 0;
    eventLoop.stop();
    return [
      ...(fault === undefined ? [] : [`the last snapshot: ${fault}`]),
      ...(anomalies === 0 ? [] : [`${anomalies} anomalies`]),
    ];
  };
  return {
    port: gateway.port,
    partitions: engine.partitions,
    transport: gateway.transportName,
    lost: store?.lost ?? new Promise(() => {}),
    idle: async () => store?.idle(),
    reload: () => {
      renewTls(gateway, log);
      if (authenticator !== undefined) void renewKeys(authenticator, gateway, log);
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function renewTls(gateway: Gateway, log: Logger): void {
  try {
    const renewal = gateway.renewTls();
    if (renewal !== undefined) log.info({ ...renewal }, 'reloaded the TLS certificate');
  } catch (error) {
    log.error({ err: error }, 'the TLS certificate was not renewed: the old one stays in use');
  }
}

async function renewKeys(
  authenticator: Authenticator,
  gateway: Gateway,
  log: Logger,
): Promise<void> {
  try {
    await authenticator.reload();
    log.info({}, 'reloaded the keys of tokens');
  } catch (error) {
    log.error({ err: error }, 'the keys of tokens were not renewed: the old ones stay in use');
  }
  // One file may have failed while another was reloaded.
  gateway.keysChanged();
}

async function readAssets(folder: string, log: Logger): Promise<Assets> {
  const assets = await Assets.read(folder);
  const { missing } = assets;
  if (missing.length > 0)
    log.warn(
      { folder, missing },
      'some assets are not served, because they were not built: npm run build',
    );
  return assets;
}
