import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/protocol/index.ts';
import { WELCOME_INFO } from '../../../testkit/scripted-server.ts';

/** Where a connection is cut, each later than the one before. */
export const CUT_POINTS = [
  'before the upgrade',
  'before WELCOME',
  'after WELCOME',
  'after ALIAS',
  'before TICKS are applied',
  'before the ACK',
  'between ACKs',
  'after the ACK',
] as const;
export type CutPoint = (typeof CUT_POINTS)[number];

/**
 * A server that remembers a publisher's sequence across connections, applies each frame once, and
 * cuts its first connections by a plan.
 */
export class CutServer {
  /** The prices of all ticks applied, in order. */
  readonly applied: number[] = [];
  connections = 0;
  /** Frames received again after they were applied. */
  duplicates = 0;
  readonly #http: Server = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #plan: CutPoint[];
  #sequence = 0;

  static async start(plan: readonly CutPoint[]): Promise<CutServer> {
    const server = new CutServer(plan);
    await once(server.#http.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  private constructor(plan: readonly CutPoint[]) {
    this.#plan = [...plan];
    this.#http.on('upgrade', (request, socket, head) => {
      this.connections++;
      const cut = this.#plan.shift();
      if (cut === 'before the upgrade') socket.destroy();
      else this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#serve(ws, cut));
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.close();
  }

  #serve(socket: WebSocket, cut: CutPoint | undefined): void {
    const send = (frame: Frame) => socket.send(encodeFrame(frame, 'binary'));
    let frames = 0;
    /** Whether the plan cuts here: nothing after this is read. */
    const isCutAt = (point: CutPoint): boolean => {
      if (cut !== point) return false;
      socket.removeAllListeners('message');
      socket.terminate();
      return true;
    };
    socket.on('message', (data) => {
      const frame = decodeFrame(data as Buffer);
      if (frame[0] === 2) {
        isCutAt('after ALIAS');
        return;
      }
      if (isCutAt('before TICKS are applied')) return;
      this.#apply(frame);
      frames++;
      if (isCutAt('before the ACK')) return;
      // The first frame is acknowledged, the second is not.
      if (frames === 2 && isCutAt('between ACKs')) return;
      send([17, this.#sequence, 0, 0, 0, 1_000_000]);
      isCutAt('after the ACK');
    });
    if (isCutAt('before WELCOME')) return;
    const credit = { sequence: this.#sequence, credit: 1_000_000, overflow: 'dropOldest' };
    send([16, { ...WELCOME_INFO, publisher: 'feed', ...credit }]);
    isCutAt('after WELCOME');
  }

  #apply(frame: Frame): void {
    const sequence = frame[1] as number;
    if (sequence <= this.#sequence) {
      this.duplicates++;
      return;
    }
    if (sequence !== this.#sequence + 1) throw new Error(`gap: ${this.#sequence}, ${sequence}`);
    this.#sequence = sequence;
    this.applied.push(...(frame[2] as number[]).filter((_, i) => i % 3 === 1));
  }
}
