import { ANONYMOUS } from '../../src/access/index.ts';
import type { GatewayContext } from '../../src/gateway/index.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { StreamSession } from '../../src/gateway/sessions/stream-session.ts';
import type { Socket } from '../../src/gateway/transport/transport.ts';
import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import type { EngineRig } from './engine-rig.ts';

const SOCKET_BUFFER_BYTES_MAX = 1024 * 1024;
const CLIENT = new Client(ANONYMOUS, '127.0.0.1');
const LIMITS = { badFramesMax: 10, socketBufferBytesMax: SOCKET_BUFFER_BYTES_MAX };

/** The gateway's stream side: real sessions on in-memory sockets. */
export class StreamRig {
  readonly context: GatewayContext;
  readonly sockets: CountingSocket[] = [];

  constructor({ engine }: EngineRig) {
    const stream = { socketBufferBytesMax: SOCKET_BUFFER_BYTES_MAX };
    this.context = gatewayContext(engine, { stream });
  }

  /** Adds a session subscribed to the symbols. */
  addSession(symbols: readonly string[]): void {
    const socket = new CountingSocket();
    const connection = new Connection(socket, 'binary', CLIENT, LIMITS, this.context.counters);
    const session = new StreamSession(connection, this.context);
    session.message(encodeFrame([Op.SUBSCRIBE, 1, symbols, { anomalies: false }], 'binary'));
    this.sockets.push(socket);
  }
}

/** An in-memory peer that counts what it is sent. */
export class CountingSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  messages = 0;
  bytes = 0;
  /** False: it looks full, though it still accepts everything. */
  isOpenForMore = true;

  send(message: Uint8Array | string): void {
    this.messages++;
    this.bytes += message.length;
  }

  bufferedAmount(): number {
    return this.isOpenForMore ? 0 : Number.MAX_SAFE_INTEGER;
  }

  cork(work: () => void): void {
    work();
  }

  ping(): void {}

  end(code: number, reason: string): void {
    throw new Error(`a session was closed with ${code}: ${reason}`);
  }
}
