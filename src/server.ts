import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type Authenticator, createAuthenticator } from './access/index.ts';
import type { Cluster } from './cluster/index.ts';
import { asMember, checkCluster } from './config/cluster-check.ts';
import { checkExposure } from './config/exposure.ts';
import { checkKafka } from './config/kafka-settings.ts';
import type { Config } from './config/schema.ts';
import { tickwireVersion } from './config/version.ts';
import { watchDescriptors } from './descriptors.ts';
import { ruleFaultsLogger } from './engine-log.ts';
import type { Gateway } from './gateway/index.ts';
import { Assets } from './http/index.ts';
import type { Kafka } from './kafka/kafka.ts';
import { type ServerParts, ServerStart } from './server-start.ts';
import type { Environment } from './sinks/index.ts';
import { openStore, Retention, type Store } from './store/index.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

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
 * @param env where sinks find their secrets
 * @throws Error if the address cannot be listened on or is too exposed, the transport does not
 *   load, or the certificate or the store cannot be used
 */
export async function startServer(
  configured: Config,
  log: Logger,
  publicFolder = PUBLIC,
  env: Environment = {},
): Promise<Server> {
  checkCluster(configured);
  checkKafka(configured);
  const config = asMember(configured);
  checkAcknowledge(config);
  const authenticator = await createAuthenticator(config.auth, log);
  for (const warning of checkExposure(config, authenticator !== undefined)) log.warn({}, warning);
  const telemetry = await openTelemetry(config, log);
  const store = await openConfiguredStore(config, log);
  const kafka = await openKafka(config, log);
  const cluster = await joinCluster(config, log, telemetry, kafka);
  const given = { authenticator, store, cluster, kafka, telemetry };
  const start = new ServerStart(config, log, given, env);
  try {
    return serve(log, await start.run(await readAssets(publicFolder, log)));
  } catch (error) {
    await start.undo();
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

/** Loaded here: a server that is alone needs none of it. */
async function joinCluster(
  config: Config,
  log: Logger,
  telemetry: Telemetry | undefined,
  kafka: Kafka | undefined,
): Promise<Cluster | undefined> {
  if (config.cluster.role === 'none') return undefined;
  const { Cluster, connectToNats } = await import('./cluster/index.ts');
  const bus = await connectToNats(config, log);
  try {
    const onRuleFaults = ruleFaultsLogger(log);
    const parts = { tracing: telemetry?.tracing, onRuleFaults, offers: kafka?.work };
    return await Cluster.join(config, bus, log, parts);
  } catch (error) {
    await bus.close();
    throw error;
  }
}

/** Loaded here: where nothing is exported, nothing of it is there. */
async function openTelemetry(config: Config, log: Logger): Promise<Telemetry | undefined> {
  if (config.telemetry.otlpEndpoint === '') return undefined;
  const { Telemetry } = await import('./telemetry/telemetry.ts');
  return new Telemetry(config, tickwireVersion(), log);
}

/** Loaded here, for the same reason. */
async function openKafka(config: Config, log: Logger): Promise<Kafka | undefined> {
  if (config.kafka.brokers === '') return undefined;
  const { Kafka } = await import('./kafka/kafka.ts');
  return new Kafka(config, log);
}

function checkAcknowledge({ cluster, publish, store }: Config): void {
  if (publish.acknowledge === 'accepted' || store.directory !== '') return;
  if (cluster.role !== 'none') return;
  throw new Error('publish.acknowledge: "durable" needs a store (store.directory)');
}

/** Longest delivery of alerts and records that wait at a stop, ms. */
const SINKS_DRAIN_MS = 5000;

function serve(log: Logger, parts: ServerParts): Server {
  const { cluster, gateway, context, journal, kafka, rules, sinks, snapshots, telemetry } = parts;
  const { authenticator, engine, eventLoop, store, tickHistory } = context;
  const retention = store && new Retention(store, log);
  const stopWatch = watchDescriptors(log);
  let stopped: Promise<readonly string[]> | undefined;
  const stop = async () => {
    await kafka?.stopReading();
    await gateway.stop();
    await tickHistory?.close();
    stopWatch();
    rules?.stop();
    retention?.stop();
    const fault = await snapshots?.stop();
    await engine.stop(...gateway.lastRecords);
    const [undelivered = 0, unsent = 0] = await Promise.all([
      sinks?.stop(SINKS_DRAIN_MS),
      kafka?.stop(SINKS_DRAIN_MS),
    ]);
    await journal?.close();
    await cluster?.stop();
    const anomalies = (await store?.close()) ?? 0;
    eventLoop.stop();
    await telemetry?.stop();
    return [
      ...(fault === undefined ? [] : [`the last snapshot: ${fault}`]),
      ...(anomalies === 0 ? [] : [`${anomalies} anomalies`]),
      // With a store, the next start delivers them.
      ...(unsent === 0 || store !== undefined ? [] : [`${unsent} records for Kafka`]),
      ...(undelivered === 0 || store !== undefined ? [] : [`${undelivered} alerts for sinks`]),
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
      rules?.reload();
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
