import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A line to the server that can be cut: TCP through a port of its own. */
export class CutLine {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** Opens one to a port of this machine. */
  static async to(port: number): Promise<CutLine> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      join(client, upstream, sockets);
      join(upstream, client, sockets);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new CutLine(server, sockets);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Ends every connection without a word, and loses what is under way; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }
}

/** Passes on what comes from one socket to the other, and its end. */
function join(from: Socket, to: Socket, open: Set<Socket>): void {
  open.add(from);
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => {
    open.delete(from);
    to.destroy();
  });
}
