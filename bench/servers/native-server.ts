import type {
  UwsApp,
  UwsListenSocket,
  UwsModule,
  UwsRequest,
  UwsResponse,
  UwsWebSocket,
} from '../../src/gateway/transport/uws-api.ts';
import { loadUws, UWS_BINARIES } from '../../src/gateway/transport/uws-loader.ts';

const HOST = '127.0.0.1';
/** Backlog of a slow reader before messages are dropped: more than a benchmark reaches. */
const BACKPRESSURE_BYTES_MAX = 64 * 2 ** 20;
const MESSAGE_BYTES_MAX = 16 * 2 ** 20;

/** uWebSockets.js beyond what Tickwire uses: native publish and subscribe. */
export interface NativeApp extends UwsApp {
  publish(topic: string, message: Uint8Array | string, isBinary: boolean): boolean;
}

export interface NativeSocket extends UwsWebSocket<SessionBox> {
  subscribe(topic: string): boolean;
}

export interface NativeSession {
  /** @param data valid until the call returns */
  message(socket: NativeSocket, data: ArrayBuffer, isBinary: boolean): void;
  close?(): void;
}

/** Boxed: some versions copy properties instead of keeping the object. */
interface SessionBox {
  readonly session: NativeSession;
}

export interface NativeServerOptions {
  readonly openSession: () => NativeSession;
  /** What `GET /processed` answers. */
  readonly processed: () => number;
}

export function loadNative(): UwsModule {
  const load = loadUws();
  if (!load.loaded) throw new Error(`${load.reasons.join('; ')}. ${UWS_BINARIES}.`);
  return load.uws;
}

/** Serves WebSockets at any path on a free port of 127.0.0.1 and prints `ready PORT`. */
export function serveNative(uws: UwsModule, app: NativeApp, options: NativeServerOptions): void {
  app.ws<SessionBox>('/*', {
    compression: 0,
    maxPayloadLength: MESSAGE_BYTES_MAX,
    maxBackpressure: BACKPRESSURE_BYTES_MAX,
    closeOnBackpressureLimit: false,
    idleTimeout: 0,
    maxLifetime: 0,
    sendPingsAutomatically: false,
    upgrade: (response, request, context) =>
      upgrade(response, request, context, options.openSession()),
    open: () => undefined,
    message: (ws, data, isBinary) =>
      ws.getUserData().session.message(ws as NativeSocket, data, isBinary),
    drain: () => undefined,
    pong: () => undefined,
    close: (ws) => ws.getUserData().session.close?.(),
  });
  app.any('/processed', (response) => response.end(String(options.processed())));
  app.listen(HOST, 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => announce(uws, socket));
}

function upgrade(
  response: UwsResponse,
  request: UwsRequest,
  context: unknown,
  session: NativeSession,
): void {
  response.upgrade<SessionBox>(
    { session },
    request.getHeader('sec-websocket-key'),
    request.getHeader('sec-websocket-protocol'),
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

function announce(uws: UwsModule, socket: UwsListenSocket | false): void {
  if (socket === false) throw new Error(`cannot listen on ${HOST}`);
  console.log(`ready ${uws.us_socket_local_port(socket)}`);
}
