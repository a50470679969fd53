import { CIPHERS_OF_1_2, type TlsPair } from './certificate.ts';
import { decideUpgrade, reportFault } from './guarded-answers.ts';
import { internalProblem } from './http-response.ts';
import { listenError, probeAddress } from './listen-address.ts';
import { ReceivedHead } from './received-request.ts';
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
import { UwsSocket, type UwsUserData } from './uws-socket.ts';

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

/**
 * How often listening is tried: another process may take the port between finding it and listening
 * on it.
 */
const LISTEN_TRIES = 3;

/** What `listen` of uWebSockets.js takes for a port that others may listen on as well. */
const SHARED_PORT = 0;

/**
 * Listens on one port with one app, or, after a renewed certificate, with the last of several: an
 * app cannot change its certificate, and its connections end with it. An earlier app costs some 35
 * KiB for as long as the server runs.
 */
class UwsListener {
  readonly port: number;
  readonly #uws: UwsModule;
  readonly #address: string;
  /** Gives an app its routes. */
  readonly #prepare: (app: UwsApp) => void;
  readonly #apps: UwsApp[];
  #listening: UwsListenSocket | undefined;

  private constructor(
    uws: UwsModule,
    prepare: (app: UwsApp) => void,
    app: UwsApp,
    { socket, address }: Listening,
  ) {
    this.#uws = uws;
    this.#prepare = prepare;
    this.#apps = [app];
    this.#listening = socket;
    this.#address = address;
    this.port = uws.us_socket_local_port(socket);
  }

  /** @throws Error when the address cannot be listened on, or the certificate is not taken */
  static async start(
    uws: UwsModule,
    options: TransportOptions,
    prepare: (app: UwsApp) => void,
  ): Promise<UwsListener> {
    const app = createApp(uws, options.tls);
    prepare(app);
    return new UwsListener(uws, prepare, app, await listen(uws, app, options));
  }

  /**
   * Has new connections use a certificate.
   *
   * @throws Error when that does not work out; then nothing has changed
   */
  renewTls(pair: TlsPair): void {
    if (this.#listening === undefined) throw new Error('the server does not listen any more');
    const app = createApp(this.#uws, pair);
    this.#prepare(app);
    const socket = tryToListen(app, this.#address, this.port, SHARED_PORT);
    if (socket === false) {
      app.close();
      throw new Error('uWebSockets.js could not listen on the port a second time');
    }
    this.#uws.us_listen_socket_close(this.#listening);
    this.#listening = socket;
    this.#apps.push(app);
  }

  /** Takes no new connections. */
  stop(): void {
    if (this.#listening !== undefined) this.#uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  /** Takes no new connections, and cuts all there are. */
  close(): void {
    this.stop();
    for (const app of this.#apps.splice(0)) app.close();
  }
}

function createApp(uws: UwsModule, tls: TlsPair | undefined): UwsApp {
  if (tls === undefined) return uws.App();
  if (uws.SSLApp === undefined) throw new Error('this uWebSockets.js was built without TLS');
  try {
    return uws.SSLApp({
      cert_file_name: tls.certificateFile,
      key_file_name: tls.keyFile,
      ssl_ciphers: CIPHERS_OF_1_2.join(':'),
    });
  } catch (error) {
    // All it says is that construction failed.
    const files = `${tls.certificateFile} and ${tls.keyFile}`;
    throw new Error(`uWebSockets.js did not take ${files}`, { cause: error });
  }
}

interface Listening {
  readonly socket: UwsListenSocket;
  /** The address that the host name stands for. */
  readonly address: string;
}

/**
 * Listens where node:net just could: uWebSockets.js itself tells success from failure but not why,
 * takes port 70000 for 4464, and keeps a port that it chose itself in use for a minute after the
 * close (it sets no SO_REUSEADDR on it).
 */
async function listen(
  uws: UwsModule,
  app: UwsApp,
  { host, port, tls }: TransportOptions,
): Promise<Listening> {
  // Where ports are shared, another process of this user could listen on it as well, in silence. A
  // certificate is renewed by sharing the port with oneself; that it was free is known already.
  const sharing = tls === undefined ? uws.LIBUS_LISTEN_EXCLUSIVE_PORT : SHARED_PORT;
  for (let tries = 0; tries < LISTEN_TRIES; tries++) {
    const { address, port: free } = await probeAddress(host, port);
    const socket = tryToListen(app, address, free, sharing);
    if (socket !== false) return { socket, address };
  }
  throw listenError(host, port, new Error('uWebSockets.js could not, and gives no reason'));
}

function tryToListen(
  app: UwsApp,
  address: string,
  port: number,
  sharing: number,
): UwsListenSocket | false {
  let result: UwsListenSocket | false = false;
  app.listen(address, port, sharing, (socket) => {
    result = socket;
  });
  return result;
}
