import { CIPHERS_OF_1_2, type TlsPair, withOpenSslFiles } from './certificate.ts';
import { guardUpgrade, reportFault } from './guarded-answers.ts';
import { internalProblem } from './http-response.ts';
import { type Listener, listenOnAll, probePort } from './listen-address.ts';
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
    pong: (ws, payload) => socketOf(ws).ponged(payload),
    close: (ws, code, reason) => ws.getUserData().socket.closed(code, reason),
  };
}

/** Reads the user data once: a call into native code is too expensive for each message. */
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
  const decision = guardUpgrade(handlers, head);
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
      // It was answered, or its connection is closed.
    }
  }
}

/** Attempts to listen: another process may take the port between finding it and listening on it. */
const LISTEN_TRIES = 3;

/** Option of `listen` for a port that others may share. */
const SHARED_PORT = 0;

/**
 * Listens with one app or, after certificate renewals, with the newest of several: an app cannot
 * change its certificate, and its connections end with it. Each earlier app costs about 35 KiB
 * until the server stops.
 */
class UwsListener {
  readonly #uws: UwsModule;
  /** Adds the routes to an app. */
  readonly #prepare: (app: UwsApp) => void;
  readonly #apps: UwsApp[];
  /** One for each address; empty once stopped. */
  #sockets: readonly ListenSocket[];

  private constructor(
    uws: UwsModule,
    prepare: (app: UwsApp) => void,
    app: UwsApp,
    sockets: readonly ListenSocket[],
  ) {
    this.#uws = uws;
    this.#prepare = prepare;
    this.#apps = [app];
    this.#sockets = sockets;
  }

  /** @throws Error when the address cannot be listened on, or the certificate is not taken */
  static async start(
    uws: UwsModule,
    options: TransportOptions,
    prepare: (app: UwsApp) => void,
  ): Promise<UwsListener> {
    const app = createApp(uws, options.tls);
    prepare(app);
    // If ports are shared, another process of this user could silently listen on it, too. Renewing
    // a certificate needs a port shared with oneself, and this one is known to be free.
    const sharing = options.tls === undefined ? uws.LIBUS_LISTEN_EXCLUSIVE_PORT : SHARED_PORT;
    const sockets = await listenOnAll(options, (address, port) =>
      ListenSocket.open(uws, app, { address, port, sharing }),
    );
    return new UwsListener(uws, prepare, app, sockets);
  }

  /** 0 once stopped. */
  get port(): number {
    return this.#sockets[0]?.port ?? 0;
  }

  /**
   * Sets the certificate of new connections.
   *
   * @throws Error if it cannot be used; nothing has changed then
   */
  renewTls(pair: TlsPair): void {
    if (this.#sockets.length === 0) throw new Error('the server does not listen any more');
    const app = createApp(this.#uws, pair);
    this.#prepare(app);
    const renewed = this.#sockets.map((socket) => socket.openAgain(app));
    if (renewed.includes(undefined)) {
      app.close();
      throw new Error('uWebSockets.js could not listen on the port a second time');
    }
    this.stop();
    this.#sockets = renewed as ListenSocket[];
    this.#apps.push(app);
  }

  /** Accepts no new connections. */
  stop(): void {
    for (const socket of this.#sockets) socket.stop();
    this.#sockets = [];
  }

  /** Accepts no new connections and cuts the existing ones. */
  close(): void {
    this.stop();
    for (const app of this.#apps.splice(0)) app.close();
  }
}

function createApp(uws: UwsModule, tls: TlsPair | undefined): UwsApp {
  if (tls === undefined) return uws.App();
  const { SSLApp } = uws;
  if (SSLApp === undefined) throw new Error('this uWebSockets.js was built without TLS');
  try {
    return withOpenSslFiles(tls, ({ certificateFile, keyFile }) =>
      SSLApp({
        cert_file_name: certificateFile,
        key_file_name: keyFile,
        ssl_ciphers: CIPHERS_OF_1_2.join(':'),
      }),
    );
  } catch (error) {
    // Its own message only says that construction failed.
    const files = `${tls.certificateFile} and ${tls.keyFile}`;
    throw new Error(`uWebSockets.js did not take ${files}`, { cause: error });
  }
}

/** Where to listen. */
interface Place {
  readonly address: string;
  readonly port: number;
  /** Whether other sockets may listen there too. */
  readonly sharing: number;
}

/** Listens on one address. */
class ListenSocket implements Listener {
  readonly port: number;
  readonly #uws: UwsModule;
  readonly #address: string;
  readonly #socket: UwsListenSocket;

  private constructor(uws: UwsModule, address: string, socket: UwsListenSocket) {
    this.#uws = uws;
    this.#address = address;
    this.#socket = socket;
    this.port = uws.us_socket_local_port(socket);
  }

  /**
   * Listens where node:net just could: uWebSockets.js does not say why it failed, takes port 70000
   * for 4464, and keeps a port that it chose itself in use for a minute after closing (it does not
   * set SO_REUSEADDR on it).
   *
   * @throws Error when the address cannot be listened on
   */
  static async open(uws: UwsModule, app: UwsApp, place: Place): Promise<ListenSocket> {
    for (let tries = 0; tries < LISTEN_TRIES; tries++) {
      const port = await probePort(place.address, place.port);
      const socket = tryToListen(app, { ...place, port });
      if (socket !== false) return new ListenSocket(uws, place.address, socket);
    }
    throw new Error('uWebSockets.js could not, and gives no reason');
  }

  /** Listens there with another app, too; undefined if that fails. */
  openAgain(app: UwsApp): ListenSocket | undefined {
    const place = { address: this.#address, port: this.port, sharing: SHARED_PORT };
    const socket = tryToListen(app, place);
    return socket === false ? undefined : new ListenSocket(this.#uws, this.#address, socket);
  }

  stop(): void {
    this.#uws.us_listen_socket_close(this.#socket);
  }
}

function tryToListen(app: UwsApp, { address, port, sharing }: Place): UwsListenSocket | false {
  let result: UwsListenSocket | false = false;
  app.listen(address, port, sharing, (socket) => {
    result = socket;
  });
  return result;
}
