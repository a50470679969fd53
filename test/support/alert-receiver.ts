import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A request that a receiver got whole. */
export interface ReceivedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `performance.now()`. */
  readonly at: number;
}

type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

/** Answers with a status. */
export function status(code: number, headers: Record<string, string> = {}, body = ''): Answer {
  return (response) => response.writeHead(code, headers).end(body);
}

/** Never answers. */
export const hang: Answer = () => undefined;

/** Cuts the connection. */
export const reset: Answer = (response) => {
  response.socket?.resetAndDestroy();
};

/** A receiver of webhooks. What it answers may be changed at any time. */
export class AlertReceiver {
  readonly requests: ReceivedRequest[] = [];
  /** For the next requests, first to last; then {@link answer}. */
  readonly next: Answer[] = [];
  answer: Answer = status(200);
  /** Requests at work, and the most there ever were. */
  underWay = 0;
  underWayMax = 0;
  readonly #server;

  private constructor(tls: { readonly cert: string; readonly key: string } | undefined) {
    const listen = tls === undefined ? createServer() : createTlsServer(tls);
    this.#server = listen.on('request', (request, response) => {
      this.underWay += 1;
      this.underWayMax = Math.max(this.underWayMax, this.underWay);
      response.once('close', () => {
        this.underWay -= 1;
      });
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const received = { headers: request.headers, body, at: performance.now() };
        this.requests.push(received);
        (this.next.shift() ?? this.answer)(response, received);
      });
    });
  }

  /** Starts one that ends with the test. */
  static async start(tls?: {
    readonly cert: string;
    readonly key: string;
  }): Promise<AlertReceiver> {
    const receiver = new AlertReceiver(tls);
    await receiver.listen(0);
    onTestFinished(() => receiver.stop());
    return receiver;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** The bodies, as JSON. */
  get bodies(): readonly Record<string, unknown>[] {
    return this.requests.map(({ body }) => JSON.parse(body));
  }

  /** The ids of the alerts, in the order of the requests. */
  get ids(): readonly unknown[] {
    return this.requests.map(({ headers }) => headers['x-tickwire-id']);
  }
}
