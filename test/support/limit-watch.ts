import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Where whoever only watches comes from, so that it counts towards no limit of the others. */
const WATCH_ADDRESS = '127.0.0.9';

/** An answer to a plain request or an upgrade. */
export interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The problem document, where it is one. */
  readonly problem: { readonly status?: number; readonly detail?: string } | undefined;
  readonly text: string;
  /** Of an upgrade that was accepted. */
  readonly socket: Socket | undefined;
}

export interface ReplyOptions {
  readonly method?: string;
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One HTTP request on a connection of its own. */
export function ask(port: number, path: string, options: ReplyOptions = {}): Promise<Reply> {
  const { body, headers = {}, localAddress = '127.0.0.1', method = 'GET' } = options;
  return new Promise((resolve, reject) => {
    const given = { port, host: '127.0.0.1', path, method, headers, localAddress, agent: false };
    const sent = request(given);
    sent.on('response', (response) => {
      read(response).then(resolve, reject);
    });
    sent.on('upgrade', (_response, socket: Socket) => {
      onTestFinished(() => {
        socket.destroy();
      });
      socket.on('error', () => undefined);
      // Read, so that its end is seen.
      socket.resume();
      resolve({ status: 101, retryAfter: undefined, problem: undefined, text: '', socket });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** An upgrade; the connection, where it is accepted, is cut when the test is over. */
export function upgrade(
  port: number,
  path = '/v1/stream',
  options: ReplyOptions = {},
): Promise<Reply> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    ...options.headers,
  };
  return ask(port, path, { ...options, headers });
}

async function read(response: IncomingMessage): Promise<Reply> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  const isProblem = response.headers['content-type'] === 'application/problem+json';
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    problem: isProblem ? (JSON.parse(text) as Reply['problem']) : undefined,
    text,
    socket: undefined,
  };
}

/** Times that a limit was met, as /metrics tells. */
export async function timesMet(port: number, limit: string): Promise<number> {
  return metric(port, `tickwire_limits_met_total{limit="${limit}"}`);
}

/** A value of /metrics, by its name and labels as they are written. */
export async function metric(port: number, name: string): Promise<number> {
  const { text } = await ask(port, '/metrics', { localAddress: WATCH_ADDRESS });
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length + 1));
}
