import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Chunk, PeerScript, Script } from './make-script.ts';

/** What is kept of what a peer was told. */
const ANSWER_BYTES_MAX = 262_144;

/** What came of one connection. */
export interface PeerOutcome {
  readonly peer: PeerScript;
  /** Statuses of HTTP answers, in order. */
  readonly statuses: readonly number[];
}

/**
 * Plays scripts against a port. Connections that stay are kept until there are too many of them.
 */
export class ScriptPlayer {
  readonly #port: number;
  readonly #staying: Socket[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  async play(script: Script): Promise<PeerOutcome[]> {
    return Promise.all(script.map((peer) => this.#playPeer(peer)));
  }

  /** Cuts every connection that is left. */
  end(): void {
    for (const socket of this.#staying.splice(0)) socket.destroy();
  }

  async #playPeer(peer: PeerScript): Promise<PeerOutcome> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true });
    const heard: Buffer[] = [];
    let length = 0;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (length < ANSWER_BYTES_MAX) heard.push(bytes);
      length += bytes.length;
    });
    // Connections that the server cuts are what this is about.
    socket.on('error', () => undefined);
    await happened(socket, 'connect', 5000);
    for (const chunk of peer.chunks) {
      if (socket.destroyed) break;
      await write(socket, chunk);
    }
    await this.#leave(socket, peer);
    const text = Buffer.concat(heard).toString('latin1');
    return {
      peer,
      statuses: [...text.matchAll(/(?:^|\n|\})HTTP\/1\.1 (\d{3})/g)].map((match) =>
        Number(match[1]),
      ),
    };
  }

  async #leave(socket: Socket, { ending, answersMax }: PeerScript): Promise<void> {
    // What was answered must be here before it is counted.
    if (answersMax !== undefined) await happened(socket, 'end', 50);
    if (ending === 'reset') {
      socket.resetAndDestroy();
    } else if (ending === 'fin') {
      socket.end();
      this.#keep(socket, 20);
    } else {
      this.#keep(socket, 20);
    }
    await turn();
  }

  #keep(socket: Socket, countMax: number): void {
    this.#staying.push(socket);
    if (this.#staying.length > countMax) this.#staying.shift()?.destroy();
  }
}

async function write(socket: Socket, { bytes, waitMs }: Chunk): Promise<void> {
  const isFull = !socket.write(bytes);
  if (waitMs > 0) await happened(socket, 'data', waitMs);
  else if (isFull) await happened(socket, 'drain', 200);
}

/** Resolves with the event, the end of the connection, or the time. */
function happened(socket: Socket, event: string, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off(event, done);
      socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    socket.once(event, done);
    socket.once('close', done);
  });
}
