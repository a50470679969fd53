import type { Assets } from '../http/assets/assets.ts';
import { answerOrigins } from '../http/cross-origin.ts';
import { createRouter } from '../http/router.ts';
import { securityHeaders } from '../http/security-headers.ts';
import { BufferWatch } from './limits/buffer-watch.ts';
import type { WorkerHealth } from './metrics/worker-health.ts';
import { createParts, type Parts, type PartsOptions } from './parts.ts';
import {
  createCommandRoom,
  createPublishRoom,
  createQueryRoom,
  createStreamRoom,
} from './rooms.ts';
import { Expiry } from './sessions/expiry.ts';
import { Liveness } from './sessions/liveness.ts';
import { Origins, refuseForeign } from './sessions/origins.ts';
import { SessionFactory } from './sessions/session-factory.ts';
import { dismissGracefully } from './sessions/shutdown.ts';
import { decideUpgrade } from './sessions/upgrades.ts';
import { type Renewal, ServedCertificate } from './transport/served-certificate.ts';
import { startTransport } from './transport/start-transport.ts';
import type {
  HttpResponse,
  StartTransport,
  Transport,
  TransportHandlers,
  TransportOptions,
} from './transport/transport.ts';

/** Where the gateway says what an operator should know. */
export interface GatewayLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a gateway is made of. */
export interface GatewayOptions extends PartsOptions {
  readonly log: GatewayLog;
  /** Of this server, as it is told to clients. */
  readonly version: string;
  /** For browsers. */
  readonly assets: Assets;
  readonly workers: WorkerHealth;
  /** What serves the sockets instead of what the configuration names: the simulation's, which has no HTTP. */
  readonly openTransport?: StartTransport | undefined;
}

/** Sockets, sessions, fan-out and HTTP around an engine: everything on the main thread. */
export class Gateway {
  readonly #parts: Parts;
  readonly #reception: SessionFactory;
  readonly #workers: WorkerHealth;
  /** What looks at all sessions now and then. */
  readonly #watches: readonly { start(): void; stop(): void }[];
  readonly #startedAt = Date.now();
  #transport: Transport | undefined;
  #certificate: ServedCertificate | undefined;
  #isStopping = false;

  private constructor(options: GatewayOptions) {
    const fault = (error: unknown) => options.log.error({ err: error }, 'a handler failed');
    const parts = createParts(options, fault);
    this.#parts = parts;
    this.#workers = options.workers;
    this.#reception = new SessionFactory({
      ...parts,
      publishRoom: createPublishRoom(parts),
      streamRoom: createStreamRoom(parts),
    });
    this.#watches = createWatches(parts);
  }

  /**
   * Serves an engine on the configured address.
   *
   * @throws Error when the address cannot be listened on, the chosen transport does not load, or the certificate cannot be used
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { config, log } = options;
    const gateway = new Gateway(options);
    const certificate = ServedCertificate.read(config.tls, log);
    gateway.#certificate = certificate;
    const open: StartTransport =
      options.openTransport ??
      ((...seam) =>
        startTransport(config.server.transport, ...seam, (message) => log.warn({}, message)));
    gateway.#transport = await open(
      transportOptions(options, certificate),
      gateway.#handlers(options),
    );
    for (const watch of gateway.#watches) watch.start();
    gateway.#parts.turn.schedule();
    return gateway;
  }

  get port(): number {
    return this.#transport?.port ?? 0;
  }

  get transportName(): string {
    return this.#transport?.name ?? 'none';
  }

  /**
   * Reads the certificate and its key again; see `tls.certificateFile`. New connections get them. Undefined: without TLS.
   *
   * @throws Error when they cannot be used; then the old ones stay
   */
  renewTls(): Renewal | undefined {
    return this.#certificate?.renew((pair) => this.#transport?.renewTls(pair));
  }

  /** The keys of tokens were read again: what they say now holds for the sessions that are open, too. */
  keysChanged(): void {
    const { renewals, sessions } = this.#parts;
    renewals?.keysChanged(sessions.all());
  }

  /**
   * The named publishers and the last sequence accepted of each, for a snapshot: all that they stand for was offered to the
   * engine before this call.
   */
  publisherSequences(): Iterable<[name: string, sequence: number]> {
    return this.#parts.publishers.sequences();
  }

  /** Takes all anomalies raised so far: they are with the store and on their way to the sessions when this returns. */
  takeAnomalies(): void {
    this.#parts.fanOut.takeAnomalies();
  }

  /** A snapshot with these sequences is on disk. */
  madeDurable(sequences: Iterable<readonly [name: string, sequence: number]>): void {
    this.#parts.publishers.madeDurable(sequences);
  }

  /**
   * Stops gracefully, within `server.drainMs` and what closing takes: no new connections, everyone told, what was accepted
   * applied, acknowledged and delivered as far as sockets take it, then closed with 4001.
   */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#transport?.stopListening();
    const { anomalies, config, conflation, engine, sessions, turn } = this.#parts;
    await dismissGracefully({
      ...config.server,
      sessions,
      gates: this.#reception.gates,
      isBusy: () => engine.isBusy() || anomalies.isWaiting,
      schedule: turn.schedule,
    });
    for (const watch of this.#watches) watch.stop();
    conflation.stop();
    turn.stop();
    this.#transport?.close();
  }

  #handlers(options: GatewayOptions): TransportHandlers {
    const { server } = options.config;
    const origins = new Origins(server.allowedOrigins, this.#certificate !== undefined);
    const request = options.openTransport === undefined ? this.#router(options) : noHttp;
    return {
      upgrade: (request) =>
        refuseForeign(origins, request) ?? decideUpgrade(request, this.#reception),
      request: answerOrigins(origins, request),
      fault: this.#parts.fault,
    };
  }

  #router({ assets, config, version }: GatewayOptions) {
    const queries = createQueryRoom(this.#parts, {
      version,
      epoch: this.#reception.epoch,
      startedAt: this.#startedAt,
      unreadiness: () => this.#unreadiness(),
    });
    return createRouter(createCommandRoom(this.#parts), queries, assets, config.auth);
  }

  #unreadiness(): string | undefined {
    if (this.#isStopping) return 'the server is stopping';
    const fault = this.#parts.store?.fault;
    if (fault !== undefined) return `the store is out of order: ${fault}`;
    return this.#workers.fault();
  }
}

function noHttp(): Promise<HttpResponse> {
  return Promise.reject(new Error('HTTP is not served'));
}

function transportOptions(
  { config }: GatewayOptions,
  certificate: ServedCertificate | undefined,
): TransportOptions {
  const { limits, server } = config;
  return {
    host: server.host,
    port: server.port,
    frameBytesMax: server.frameBytesMax,
    bodyBytesMax: limits.bodyBytesMax,
    headMs: limits.httpHeaderMs,
    idleMs: limits.httpIdleMs,
    headers: securityHeaders(certificate !== undefined),
    tls: certificate?.pair,
  };
}

function createWatches({ authenticator, config, security, sessions }: Parts) {
  const { limits, server, stream } = config;
  const all = () => sessions.all();
  const times = { heartbeatMs: server.heartbeatMs, unresponsiveMs: stream.slowSessionCloseMs };
  return [
    new Liveness(times, all),
    new BufferWatch({ bytesMax: limits.sessionBytesMax, security, sessions: all }),
    ...(authenticator === undefined ? [] : [new Expiry(all)]),
  ];
}
