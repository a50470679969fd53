import { expect } from 'vitest';
import { parseMetrics } from '../../testkit/metrics.ts';
import { eventually } from '../../testkit/until.ts';
import { ApiDocument } from './api-document.ts';

/** An answer, read. */
export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Body;
}

/** The members of a problem document that tests read. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly Readonly<Record<string, string>>[];
}

/** An HTTP client that checks every answer against the server's own OpenAPI document. */
export class HttpClient {
  readonly port: number;
  readonly api: ApiDocument;

  private constructor(port: number, api: ApiDocument) {
    this.port = port;
    this.api = api;
  }

  static async connect(port: number): Promise<HttpClient> {
    return new HttpClient(port, await ApiDocument.fetch(port));
  }

  get<Body>(path: string): Promise<Answer<Body>> {
    return this.send('GET', path);
  }

  /** Posts a value as JSON. */
  post<Body>(value: unknown): Promise<Answer<Body>> {
    return this.postRaw(JSON.stringify(value));
  }

  /** Posts a body as it is. */
  postRaw<Body>(
    body: string | Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  ): Promise<Answer<Body>> {
    return this.send('POST', '/api/prices', { body, headers });
  }

  async send<Body>(method: string, path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { method, ...init });
    const text = await response.text();
    if (method !== 'HEAD') this.api.check(method, path, response, text);
    const { headers, status } = response;
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    const isJson = headers.get('content-type')?.endsWith('json') === true && text !== '';
    return { status, headers, text, json: (isJson ? JSON.parse(text) : undefined) as Body };
  }

  /** Resolves once every accepted tick is applied or dropped from its queue. */
  async settled(): Promise<void> {
    await eventually(
      () => this.metrics(),
      (metrics) => {
        let left = metrics.get('tickwire_ticks_accepted_total') as number;
        for (const [line, value] of metrics) {
          if (/^tickwire_ticks_applied_total|"lapped"|"skipped"/.test(line)) left -= value;
        }
        return left === 0;
      },
    );
  }

  /** Metrics by name and labels as printed. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    return parseMetrics((await this.get('/metrics')).text);
  }
}
