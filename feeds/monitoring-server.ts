import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Feed } from './feed.ts';

const OK = 200;
const NOT_FOUND = 404;
const NOT_READY = 503;

/** Whether a feed does what it is for: it gives trades, and the server takes them. */
function isReady({ state, hasServer }: Feed): boolean {
  return state === 'live' && hasServer;
}

/**
 * Serves `/metrics`, `/healthz` (the process runs) and `/readyz` (every feed is live and has the
 * server; 503 otherwise, and says which is not).
 *
 * @throws Error of the system when it cannot listen
 */
export async function startMonitoring(
  feeds: readonly Feed[],
  registry: Registry,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/metrics') void sendMetrics(registry, response);
    else if (path === '/readyz') sendReadiness(feeds, response);
    else if (path === '/healthz') send(response, OK, 'text/plain', 'ok\n');
    else send(response, NOT_FOUND, 'text/plain', 'not found\n');
  });
  server.listen(port, host);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, stop: () => close(server) };
}

async function sendMetrics(registry: Registry, response: ServerResponse): Promise<void> {
  send(response, OK, registry.contentType, await registry.metrics());
}

function sendReadiness(feeds: readonly Feed[], response: ServerResponse): void {
  const states = Object.fromEntries(
    feeds.map(({ settings, state, hasServer }) => [
      settings.name,
      { state, server: hasServer ? 'connected' : 'not connected' },
    ]),
  );
  const isAllReady = feeds.every(isReady);
  const body = JSON.stringify({ ready: isAllReady, feeds: states });
  send(response, isAllReady ? OK : NOT_READY, 'application/json', `${body}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
