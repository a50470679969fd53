import { listenError, probeAddress } from './listen-address.ts';
import { CIPHERS_OF_1_2, type TlsPair } from './tls-pair.ts';
import type { TransportOptions } from './transport.ts';
import type { UwsApp, UwsListenSocket, UwsModule } from './uws-api.ts';

/**
 * How often listening is tried: another process may take the port between finding it and listening
 * on it.
 */
const LISTEN_TRIES = 3;

/** What `listen` of uWebSockets.js takes for a port that others may listen on as well. */
const SHARED_PORT = 0;

/**
 * Listens on one port with one app, or, after a renewed certificate, with the last of several: an
 * app cannot change its certificate, and its connections end with it. An earlier app costs some
 * 35 KiB for as long as the server runs.
 */
export class UwsListener {
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
