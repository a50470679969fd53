import { setTimeout as delay } from 'node:timers/promises';
import type { AlertSink, AnomalySink } from '../engine/index.ts';
import type { GatewayContext } from './context.ts';
import { ServerClock } from './ingest/server-clock.ts';
import { samplePublishers } from './ingest/tick-sampler.ts';
import { SendBufferLimit } from './limits/send-buffer-limit.ts';
import { DAY_MS, IdleSweep } from './retirement/idle-sweep.ts';
import { Liveness } from './sessions/liveness.ts';
import { refuseForeign } from './sessions/origins.ts';
import { Expiry } from './sessions/renewals.ts';
import { SessionFactory } from './sessions/session-factory.ts';
import { shutDown } from './sessions/shutdown.ts';
import { traceUpgrades } from './sessions/traced-upgrades.ts';
import { decideUpgrade } from './sessions/upgrades.ts';
import { type Renewal, ServedCertificate } from './transport/certificate.ts';
import { startTransport } from './transport/start-transport.ts';
import type { StartTransport, Transport, TransportHandlers } from './transport/transport.ts';
import { transportOptions } from './transport/transport-options.ts';

/** Answers HTTP requests. */
type RequestHandler = TransportHandlers['request'];

/** Sockets, sessions and fan-out around an engine: everything on the main thread except HTTP. */
export class Gateway {
  readonly #context: GatewayContext;
  readonly #factory: SessionFactory;
  /** Periodic checks of all sessions. */
  readonly #watches: readonly { start(): void; stop(): void }[];
  readonly #certificate: ServedCertificate | undefined;
  #transport: Transport | undefined;

  private constructor(context: GatewayContext) {
    this.#context = context;
    this.#factory = new SessionFactory(context);
    this.#watches = createWatches(context);
    this.#certificate = ServedCertificate.read(context.config.tls, context.log);
  }

  /**
   * Serves an engine on the configured address.
   *
   * @param createHandler makes what answers HTTP, and opens sessions on its answers
   * @param open opens the transport; without it, the one that the configuration names
   * @throws Error when the address cannot be listened on, the transport does not load, or the
   *   certificate cannot be used
   */
  static async start(
    context: GatewayContext,
    createHandler: (sessions: SessionFactory) => RequestHandler,
    open: StartTransport = configuredTransport(context),
  ): Promise<Gateway> {
    const gateway = new Gateway(context);
    const options = transportOptions(context.config, gateway.#certificate?.pair);
    gateway.#transport = await open(options, gateway.#handlers(createHandler(gateway.#factory)));
    for (const watch of gateway.#watches) watch.start();
    context.scheduler.schedule();
    return gateway;
  }

  get port(): number {
    return this.#transport?.port ?? 0;
  }

  get transportName(): string {
    return this.#transport?.name ?? 'none';
  }

  /**
   * Reads the certificate and its key again; see `tls.certificateFile`. New connections get them.
   * Returns undefined if the server runs without TLS.
   *
   * @throws Error if they cannot be used; the old ones stay
   */
  renewTls(): Renewal | undefined {
    return this.#certificate?.renew((pair) => this.#transport?.renewTls(pair));
  }

  /** The token keys were read again: applies them to open sessions. */
  keysChanged(): void {
    const { renewals, sessions } = this.#context;
    renewals?.keysChanged(sessions.all());
  }

  /**
   * The named publishers with their last accepted sequences, for a snapshot: the ticks of all their
   * frames were offered to the engine before this call.
   */
  publisherSequences(): Iterable<[name: string, sequence: number]> {
    return this.#context.publishers.sequences();
  }

  /** Resolves when the store has everything raised before `raised` settled. */
  takeRecords(raised: Promise<unknown>): Promise<void> {
    return this.#context.fanOut.takeRecords(raised);
  }

  /** Store what was raised after the last session closed. */
  get lastRecords(): readonly [AnomalySink, AlertSink] {
    return [this.#context.anomalies.append, this.#context.alerts.append];
  }

  /** A snapshot with these sequences is on disk. */
  madeDurable(sequences: Iterable<readonly [name: string, sequence: number]>): void {
    this.#context.publishers.madeDurable(sequences);
  }

  /**
   * Stops gracefully. For `server.preStopMs` only `/readyz` tells. Then, within `server.drainMs`
   * and the time that closing takes: accepts no new connections; applies, acknowledges and delivers
   * accepted ticks as far as sockets allow; closes all sessions with 4001.
   */
  async stop(): Promise<void> {
    const { alerts, anomalies, config, conflation, health, retirement, scheduler } = this.#context;
    if (health.isStopping) return;
    health.isStopping = true;
    if (config.server.preStopMs > 0) await delay(config.server.preStopMs);
    this.#transport?.stopListening();
    await shutDown(this.#context);
    for (const watch of this.#watches) watch.stop();
    conflation.stop();
    scheduler.stop();
    retirement.stop();
    anomalies.end();
    alerts.end();
    this.#transport?.close();
  }

  /** No snapshot can be saved now: tells the publishers that wait for one. */
  notDurable(): void {
    this.#context.publishers.notDurable();
  }

  #handlers(request: RequestHandler): TransportHandlers {
    const { fault, origins, security, telemetry, tickSampler } = this.#context;
    const opener = samplePublishers(tickSampler, this.#factory);
    return {
      upgrade: traceUpgrades(telemetry?.tracing, (head) =>
        origins.kindOf(head) === 'foreign'
          ? { accept: false, response: refuseForeign(security, head) }
          : decideUpgrade(head, opener),
      ),
      request,
      fault,
    };
  }
}

function configuredTransport({ config, log }: GatewayContext): StartTransport {
  return (options, handlers) => startTransport(config.server.transport, options, handlers, log);
}

/** Interval of looks at the journal, ms. */
const DURABILITY_MS = 1000;

/** Tells the publishers that wait for the disk while the journal cannot be written. */
class DurabilityWatch {
  readonly #context: Pick<GatewayContext, 'journal' | 'publishers'>;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Pick<GatewayContext, 'journal' | 'publishers'>) {
    this.#context = context;
  }

  start(): void {
    const { journal, publishers } = this.#context;
    if (journal === undefined) return;
    this.#timer = setInterval(() => {
      if (journal.fault !== undefined) publishers.notDurable();
    }, DURABILITY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function createWatches(context: GatewayContext) {
  const { authenticator, cluster, config, security, sessions } = context;
  const { limits, server, stream } = config;
  const all = () => sessions.all();
  const times = { heartbeatMs: server.heartbeatMs, unresponsiveMs: stream.slowSessionCloseMs };
  return [
    new Liveness(times, all),
    new SendBufferLimit({ bytesMax: limits.sessionBytesMax, security, sessions: all }),
    // In a cluster owners do it.
    ...(cluster === undefined ? [new IdleSweep(limits.symbolIdleDays * DAY_MS, context)] : []),
    ...(authenticator === undefined ? [] : [new Expiry(all)]),
    new DurabilityWatch(context),
    new ServerClock(context),
  ];
}
