import { decideUpgrade, reportFault } from './guarded-answers.ts';
import { listenError, probeAddress } from './listen-address.ts';
import { internalProblem } from './problem-response.ts';
import { ReceivedHead } from './request-head.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import type {
  UwsApp,
  UwsBehavior,
  UwsListenSocket,
  UwsModule,
  UwsRequest,
  UwsResponse,
  UwsWebSocket,
} from './uws-api.ts';
import { readUwsHead, refuseUwsUpgrade, serveUwsRequest } from './uws-http.ts';
import type { UwsUserData } from './uws-socket.ts';
import { UwsSocket } from './uws-socket.ts';

/**
 * How often listening is tried: another process may take the port between finding it and listening
 * on it.
 */
const LISTEN_TRIES = 3;

/**
 * Starts the transport on uWebSockets.js. Every callback below is wrapped: a throw that reaches
 * native code, or a request left without answer and abort handler, ends the process.
 *
 * @throws Error when the address cannot be listened on
 */
export async function startUwsTransport(
  uws: UwsModule,
  options: TransportOptions,
  handlers: TransportHandlers,
): Promise<Transport> {
  const app = uws.App();
  app.ws('/*', behavior(options, handlers));
  app.any('/*', (response, request) => {
    guardResponse(response, handlers, () =>
      serveUwsRequest(response, request, options.bodyBytesMax, handlers),
    );
  });
  const listening = await listen(uws, app, options);
  let isListening = true;
  const stopListening = () => {
    if (isListening) uws.us_listen_socket_close(listening);
    isListening = false;
  };
  return {
    name: 'uws',
    port: uws.us_socket_local_port(listening),
    stopListening,
    close: () => {
      stopListening();
      app.close();
    },
  };
}

function behavior(
  options: TransportOptions,
  handlers: TransportHandlers,
): UwsBehavior<UwsUserData> {
  return {
    compression: 0,
    maxPayloadLength: options.frameBytesMax,
    // 0 is no limit: nothing is dropped, and the gateway bounds its buffers itself.
    maxBackpressure: 0,
    closeOnBackpressureLimit: false,
    // The gateway has its own heartbeat.
    idleTimeout: 0,
    maxLifetime: 0,
    sendPingsAutomatically: false,
    upgrade: (response, request, context) =>
      guardResponse(response, handlers, () => upgrade(response, request, context, handlers)),
    open: (ws) => ws.getUserData().socket.opened(ws),
    message: (ws, data, isBinary) => socketOf(ws).received(data, isBinary),
    drain: (ws) => ws.getUserData().socket.drained(),
    pong: (ws) => ws.getUserData().socket.ponged(),
    close: (ws, code, reason) => ws.getUserData().socket.closed(code, reason),
  };
}

/** Asked of the native socket once: that is a call into native code, too dear for each message. */
function socketOf(ws: UwsWebSocket<UwsUserData>): UwsSocket {
  ws.kept ??= ws.getUserData();
  return ws.kept.socket;
}

function upgrade(
  response: UwsResponse,
  request: UwsRequest,
  context: unknown,
  handlers: TransportHandlers,
): void {
  const head = new ReceivedHead(readUwsHead(response, request));
  const decision = decideUpgrade(handlers, head);
  if (!decision.accept) {
    refuseUwsUpgrade(response, decision.response);
    return;
  }
  const socket = new UwsSocket(head.remoteAddress, decision.open, (error) =>
    reportFault(handlers, error),
  );
  const key = request.getHeader('sec-websocket-key');
  response.upgrade({ socket } satisfies UwsUserData, key, decision.subprotocol, '', context);
}

function guardResponse(response: UwsResponse, handlers: TransportHandlers, work: () => void): void {
  try {
    work();
  } catch (error) {
    reportFault(handlers, error);
    try {
      refuseUwsUpgrade(response, internalProblem());
    } catch {
      // It was answered, or its connection is gone.
    }
  }
}

/**
 * Listens where node:net just could: uWebSockets.js itself tells success from failure but not why,
 * takes port 70000 for 4464, and keeps a port that it chose itself in use for a minute after the
 * close (it sets no SO_REUSEADDR on it).
 */
async function listen(
  uws: UwsModule,
  app: UwsApp,
  { host, port }: TransportOptions,
): Promise<UwsListenSocket> {
  for (let tries = 0; tries < LISTEN_TRIES; tries++) {
    const found = await probeAddress(host, port);
    let result: UwsListenSocket | false = false;
    // Without the option, two processes would share the port in silence.
    app.listen(found.address, found.port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      result = socket;
    });
    if (result !== false) return result;
  }
  throw listenError(host, port, new Error('uWebSockets.js could not, and gives no reason'));
}
