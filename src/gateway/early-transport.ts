import type { Config } from '../config/schema.ts';
import type { GatewayLog } from './context.ts';
import type { Health } from './health.ts';
import { ServedCertificate } from './transport/certificate.ts';
import { problemResponse } from './transport/http-response.ts';
import { startTransport } from './transport/start-transport.ts';
import type {
  HttpRequest,
  HttpResponse,
  StartTransport,
  Transport,
  TransportHandlers,
} from './transport/transport.ts';
import { transportOptions } from './transport/transport-options.ts';

/** Clients may retry after 1 s. */
const RETRY_AFTER = { 'retry-after': '1' };

/**
 * Listens before there is a gateway, so that `/readyz` says how far the start is, and hands the
 * transport over to it. Until then every session, and every other request but `/healthz`, is
 * refused with 503.
 */
export class EarlyTransport {
  readonly #health: Health;
  #transport: Transport | undefined;
  #handlers: TransportHandlers | undefined;

  private constructor(health: Health) {
    this.#health = health;
  }

  /** @throws Error as the start of a gateway does */
  static async open(config: Config, log: GatewayLog, health: Health): Promise<EarlyTransport> {
    const early = new EarlyTransport(health);
    const options = transportOptions(config, ServedCertificate.read(config.tls, log)?.pair);
    const handlers: TransportHandlers = {
      upgrade: (head) =>
        early.#handlers?.upgrade(head) ?? { accept: false, response: early.#refusal() },
      request: (request) => early.#handlers?.request(request) ?? early.#answer(request),
      fault: (error) => {
        if (early.#handlers === undefined) log.error({ err: error }, 'a handler failed');
        else early.#handlers.fault(error);
      },
    };
    early.#transport = await startTransport(config.server.transport, options, handlers, log);
    return early;
  }

  get port(): number {
    return this.#transport?.port ?? 0;
  }

  /** Starts a gateway's transport: hands over the one that listens. */
  readonly handOver: StartTransport = async (_options, handlers) => {
    if (this.#transport === undefined) throw new Error('the transport is closed');
    this.#handlers = handlers;
    return this.#transport;
  };

  /** The start has failed. */
  close(): void {
    this.#transport?.close();
    this.#transport = undefined;
  }

  #answer({ method, path }: HttpRequest): HttpResponse {
    if (path !== '/healthz' || method !== 'GET') return this.#refusal();
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    return { status: 200, headers, body: JSON.stringify({ status: 'ok' }) };
  }

  #refusal(): HttpResponse {
    const detail = `Not ready: ${this.#health.fault() ?? 'the server is starting'}.`;
    return problemResponse(503, detail, RETRY_AFTER);
  }
}
