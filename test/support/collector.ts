import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  decodeMetrics,
  decodeTraces,
  type OtlpAttributes,
  type OtlpMetric,
  type OtlpSpan,
} from '../../testkit/independent/otlp.ts';

/** An OTLP/HTTP collector that decodes what it gets. */
export class Collector {
  readonly spans: OtlpSpan[] = [];
  /** The metrics of each export. */
  readonly exports: (readonly OtlpMetric[])[] = [];
  readonly resources: OtlpAttributes[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  /** Undefined: it never answers. */
  status: number | undefined = 200;
  requests = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.headers.push(request.headers);
        this.#answer(request.url ?? '', Buffer.concat(chunks), response);
      });
    });
  }

  /** Starts one that ends with the test, on any port unless one is given. */
  static async start(port = 0): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => {
      collector.#server.listen(port, '127.0.0.1', resolve);
    });
    onTestFinished(() => collector.stop());
    return collector;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Names of spans, in order of arrival. */
  get names(): string[] {
    return this.spans.map(({ name }) => name);
  }

  span(name: string): OtlpSpan | undefined {
    return this.spans.find((span) => span.name === name);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(path: string, body: Buffer, response: ServerResponse): void {
    this.requests++;
    if (this.status === undefined) return;
    if (this.status === 200) this.#take(path, body);
    response.writeHead(this.status, { 'content-type': 'application/x-protobuf' }).end();
  }

  #take(path: string, body: Buffer): void {
    if (path === '/v1/traces') {
      for (const { items, resource } of decodeTraces(body)) {
        this.spans.push(...items);
        this.resources.push(resource);
      }
    } else if (path === '/v1/metrics') {
      for (const { items, resource } of decodeMetrics(body)) {
        this.exports.push(items);
        this.resources.push(resource);
      }
    } else throw new Error(`a request of ${path}`);
  }
}
