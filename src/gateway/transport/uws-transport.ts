import { decideUpgrade, reportFault } from './guarded-answers.ts';
import { internalProblem } from './problem-response.ts';
import { ReceivedHead } from './request-head.ts';
import type { Transport, TransportHandlers, TransportOptions } from './transport.ts';
import type { UwsBehavior, UwsModule, UwsRequest, UwsResponse, UwsWebSocket } from './uws-api.ts';
import { readUwsHead, refuseUwsUpgrade, serveUwsRequest } from './uws-http.ts';
import { UwsListener } from './uws-listener.ts';
import type { UwsUserData } from './uws-socket.ts';
import { UwsSocket } from './uws-socket.ts';

/**
 * Starts the transport on uWebSockets.js. Every callback below is wrapped: a throw that reaches
 * native code, or a request left without answer and abort handler, ends the process.
 *
 * @throws Error when the address cannot be listened on, or the certificate is not taken
 */
export async function startUwsTransport(
  uws: UwsModule,
  options: TransportOptions,
  handlers: TransportHandlers,
): Promise<Transport> {
  const listener = await UwsListener.start(uws, options, (app) => {
    app.ws('/*', behavior(options, handlers));
    app.any('/*', (response, request) => {
      guardResponse(response, options, handlers, () =>
        serveUwsRequest(response, request, options, handlers),
      );
    });
  });
  return {
    name: 'uws',
    port: listener.port,
    renewTls: (pair) => listener.renewTls(pair),
    stopListening: () => listener.stop(),
    close: () => listener.close(),
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
      guardResponse(response, options, handlers, () =>
        upgrade(response, request, context, options, handlers),
      ),
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
  options: TransportOptions,
  handlers: TransportHandlers,
): void {
  const head = new ReceivedHead(readUwsHead(response, request));
  const decision = decideUpgrade(handlers, head);
  if (!decision.accept) {
    refuseUwsUpgrade(response, decision.response, options.headers);
    return;
  }
  const socket = new UwsSocket(head.remoteAddress, decision.open, (error) =>
    reportFault(handlers, error),
  );
  const key = request.getHeader('sec-websocket-key');
  response.upgrade({ socket } satisfies UwsUserData, key, decision.subprotocol, '', context);
}

function guardResponse(
  response: UwsResponse,
  options: TransportOptions,
  handlers: TransportHandlers,
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    reportFault(handlers, error);
    try {
      refuseUwsUpgrade(response, internalProblem(), options.headers);
    } catch {
      // It was answered, or its connection is gone.
    }
  }
}
