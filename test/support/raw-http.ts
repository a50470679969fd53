import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { parseMetrics } from '../../testkit/metrics.ts';
import { UPGRADE_HEADERS } from '../../testkit/web-socket.ts';

/** Observers' address, which counts towards no other limit. */
const WATCH_ADDRESS = '127.0.0.9';

/** An undecoded answer. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The upgraded connection; destroyed at the end of the test. */
  readonly socket?: Socket;
}

export interface AskOptions {
  readonly method?: string;
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request on its own connection with exactly these headers (fetch adds some). */
function send(port: number, path: string, options: AskOptions): Promise<RawAnswer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, ...rest });
    sent.on('response', (response) => {
      read(response).then(resolve, reject);
    });
    sent.on('upgrade', ({ headers }, socket: Socket) => {
      onTestFinished(() => {
        socket.destroy();
      });
      socket.on('error', () => undefined);
      // Read on to notice the end.
      socket.resume();
      resolve({ status: 101, headers, body: Buffer.alloc(0), socket });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function read(response: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { headers, statusCode = 0 } = response;
  return { status: statusCode, headers, body: Buffer.concat(chunks) };
}

export function rawRequest(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<RawAnswer> {
  return send(port, path, { headers, method });
}

/** An answer to a plain request or an upgrade. */
export interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The problem document, if it is one. */
  readonly problem: { readonly status?: number; readonly detail?: string } | undefined;
  readonly text: string;
  readonly socket: Socket | undefined;
}

export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Reply> {
  const { status, headers, body, socket } = await send(port, path, options);
  const text = body.toString();
  const isProblem = headers['content-type'] === 'application/problem+json';
  return {
    status,
    retryAfter: headers['retry-after'],
    problem: isProblem ? (JSON.parse(text) as Reply['problem']) : undefined,
    text,
    socket,
  };
}

export function upgrade(
  port: number,
  path = '/v1/stream',
  options: AskOptions = {},
): Promise<Reply> {
  return ask(port, path, { ...options, headers: { ...UPGRADE_HEADERS, ...options.headers } });
}

/** Times a limit was hit according to /metrics. */
export async function timesMet(port: number, limit: string): Promise<number> {
  return metric(port, `tickwire_limits_met_total{limit="${limit}"}`);
}

/** A value of /metrics by name and labels as printed. */
export async function metric(port: number, name: string): Promise<number> {
  const { text } = await ask(port, '/metrics', { localAddress: WATCH_ADDRESS });
  const value = parseMetrics(text).get(name);
  if (value === undefined) throw new Error(`no metric ${name}`);
  return value;
}

/** Posts prices as JSON. */
export function postPrices(port: number, prices: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/api/prices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(prices),
  });
}
