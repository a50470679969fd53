import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A line to a server that can be cut: TCP through a port of its own. */
export class CutLine {
  readonly port: number;
  /** The sockets to clients, and to the server. */
  readonly #near: ReadonlySet<Socket>;
  readonly #far: ReadonlySet<Socket>;

  private constructor(port: number, near: ReadonlySet<Socket>, far: ReadonlySet<Socket>) {
    this.port = port;
    this.#near = near;
    this.#far = far;
  }

  /** Opens one for a test. */
  static async toPort(serverPort: number): Promise<CutLine> {
    const [near, far] = [new Set<Socket>(), new Set<Socket>()];
    const server = createServer((client) => {
      const upstream = connect(serverPort, '127.0.0.1');
      join(client, upstream, near);
      join(upstream, client, far);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const line = new CutLine((server.address() as AddressInfo).port, near, far);
    onTestFinished(() => {
      server.close();
      line.cut();
    });
    return line;
  }

  /** From now on clients hear nothing from the server; what they say arrives. */
  hush(): void {
    for (const socket of this.#far) socket.unpipe().pause();
  }

  /** Ends every connection without a word, and loses what is under way. New ones are taken. */
  cut(): void {
    for (const socket of [...this.#near, ...this.#far]) socket.resetAndDestroy();
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
