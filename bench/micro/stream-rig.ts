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
  readonly #sessions: StreamSession[] = [];

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
    this.#sessions.push(session);
  }

  /** Flushes until every session has everything: its socket answers pings. */
  flush(): void {
    do this.context.fanOut.run();
    while (this.answerPings());
  }

  /** Has the sockets answer the pings they got. Returns whether there were any. */
  answerPings(): boolean {
    let count = 0;
    for (const [i, { mark }] of this.sockets.entries()) {
      if (mark === 0) continue;
      count++;
      (this.sockets[i] as CountingSocket).mark = 0;
      this.#sessions[i]?.pong(mark);
    }
    return count > 0;
  }
}

/** An in-memory peer that counts what it is sent. */
export class CountingSocket implements Socket {
  readonly remoteAddress = '127.0.0.1';
  messages = 0;
  bytes = 0;
  /** False: it looks full, though it still accepts everything. */
  isOpenForMore = true;
  /** Of the newest ping that is not answered; 0: none. */
  mark = 0;

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

  ping(mark = 0): void {
    this.mark = mark;
  }

  end(code: number, reason: string): void {
    throw new Error(`a session was closed with ${code}: ${reason}`);
  }
}
