import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What becomes of one connection instead of being passed on. */
export type Interception = (client: Socket) => void;

/**
 * A TCP proxy in front of a server, which cuts connections where a test says: at once, after so many
 * bytes, or by letting the test play the server for a while.
 */
export class TcpCutter {
  /** Connections taken so far. */
  accepted = 0;
  /** Where connections lead; may change while the proxy runs. */
  targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #interceptions: Interception[] = [];
  readonly #cutsAfterBytes: number[] = [];

  private constructor(targetPort: number) {
    this.targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
    this.#server.listen(0, '127.0.0.1');
  }

  /** Starts one for a test; it stops when the test is over. */
  static async startForTest(targetPort: number): Promise<TcpCutter> {
    const cutter = new TcpCutter(targetPort);
    await once(cutter.#server, 'listening');
    onTestFinished(() => {
      cutter.cut();
      cutter.#server.close();
    });
    return cutter;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now, both sides of each. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** The next connection that is not yet spoken for is given to the test. */
  intercept(interception: Interception): void {
    this.#interceptions.push(interception);
  }

  /** The next connection that is not yet spoken for is cut after so many bytes of the server. */
  cutNextAfter(bytes: number): void {
    this.#cutsAfterBytes.push(bytes);
  }

  /** Cuts everything that is open now. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(client: Socket): void {
    this.accepted++;
    this.#hold(client);
    const interception = this.#interceptions.shift();
    if (interception !== undefined) {
      interception(client);
      return;
    }
    const server = connect(this.targetPort, '127.0.0.1');
    this.#hold(server);
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    client.pipe(server);
    this.#passOn(server, client, this.#cutsAfterBytes.shift() ?? Number.POSITIVE_INFINITY);
  }

  #passOn(server: Socket, client: Socket, bytesMax: number): void {
    let left = bytesMax;
    if (left === 0) client.destroy();
    server.on('data', (chunk) => {
      const part = chunk.subarray(0, Math.min(chunk.length, left));
      left -= part.length;
      client.write(part, () => {
        if (left === 0) client.destroy();
      });
    });
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
