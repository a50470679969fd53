import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type LinkConditions, SlowLink } from './slow-link.ts';

/** A TCP proxy in front of a server on this machine, whose connections can be cut. */
export class TcpProxy {
  /** Connections accepted so far. */
  accepted = 0;
  /** Where new connections lead. */
  targetPort: number;
  /** Slows down new connections; undefined: as fast as the machine. */
  readonly #link: LinkConditions | undefined;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #upstreams = new Set<Socket>();
  readonly #takers: ((client: Socket) => void)[] = [];
  readonly #byteLimits: number[] = [];

  private constructor(targetPort: number, link: LinkConditions | undefined) {
    this.targetPort = targetPort;
    this.#link = link;
    this.#server = createServer((client) => this.#accept(client));
  }

  /**
   * Starts one; the caller closes it.
   *
   * @param link conditions of all connections, which the caller may change later
   */
  static async start(targetPort: number, link?: LinkConditions): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, link);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Sockets open now, both sides of each connection. */
  get openSockets(): number {
    return this.#clients.size + this.#upstreams.size;
  }

  /** Hands the next connection to the caller, who plays the server. */
  intercept(take: (client: Socket) => void): void {
    this.#takers.push(take);
  }

  /** Cuts the next connection that is not intercepted after so many bytes from the server. */
  cutNextAfter(bytes: number): void {
    this.#byteLimits.push(bytes);
  }

  /** From now on clients receive nothing from the server; what they send arrives. */
  mute(): void {
    for (const socket of this.#upstreams) socket.unpipe().pause();
  }

  /** Resets every connection and loses what is in flight; new ones are accepted. */
  cut(): void {
    for (const socket of [...this.#clients, ...this.#upstreams]) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #accept(client: Socket): void {
    this.accepted++;
    track(client, this.#clients);
    const take = this.#takers.shift();
    if (take !== undefined) {
      take(client);
      return;
    }
    const upstream = connect(this.targetPort, '127.0.0.1');
    track(upstream, this.#upstreams);
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    if (this.#link !== undefined) {
      new SlowLink(upstream, client, this.#link);
      new SlowLink(client, upstream, upOf(this.#link));
      return;
    }
    client.pipe(upstream);
    const bytes = this.#byteLimits.shift();
    if (bytes === undefined) upstream.pipe(client);
    else forward(upstream, client, bytes);
  }
}

/** The way to the server: as long, but not limited. */
function upOf(link: LinkConditions): LinkConditions {
  return {
    bytesPerSecond: Number.POSITIVE_INFINITY,
    bufferBytes: Number.POSITIVE_INFINITY,
    get delayMs() {
      return link.delayMs;
    },
  };
}

/** Passes on so many bytes, then destroys the receiver. */
function forward(from: Socket, to: Socket, bytes: number): void {
  let left = bytes;
  if (left === 0) to.destroy();
  from.on('data', (chunk) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    to.write(part, () => {
      if (left === 0) to.destroy();
    });
  });
}

function track(socket: Socket, open: Set<Socket>): void {
  open.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
}
