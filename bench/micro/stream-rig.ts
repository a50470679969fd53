import { ANYBODY } from '../../src/access/index.ts';
import { Client } from '../../src/gateway/admission/client.ts';
import { UNWATCHED } from '../../src/gateway/admission/security-events.ts';
import { AnomalyLog } from '../../src/gateway/anomaly-log.ts';
import { ConflationQueue } from '../../src/gateway/conflation-queue.ts';
import { Connection } from '../../src/gateway/connection.ts';
import { FanOut } from '../../src/gateway/fan-out.ts';
import { TurnWork } from '../../src/gateway/limits/turn-work.ts';
import { SnapshotPool } from '../../src/gateway/snapshot-pool.ts';
import { StatsMessage } from '../../src/gateway/stats-message.ts';
import { type StreamRoom, StreamSession } from '../../src/gateway/stream-session.ts';
import { Subscriptions } from '../../src/gateway/subscriptions.ts';
import { Traffic } from '../../src/gateway/traffic.ts';
import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { CountingSocket } from './counting-socket.ts';
import type { EngineRig } from './engine-rig.ts';

const SOCKET_BUFFER_BYTES_MAX = 1024 * 1024;
const CLIENT = new Client(ANYBODY, '127.0.0.1');
const LIMITS = { badFramesMax: 10, socketBufferBytesMax: SOCKET_BUFFER_BYTES_MAX };

/** The gateway's side of the stream, made as the gateway makes it: real sessions on sockets in memory. */
export class StreamRig {
  readonly fanOut: FanOut;
  readonly traffic = new Traffic();
  readonly sockets: CountingSocket[] = [];
  readonly #room: StreamRoom;

  constructor({ engine }: EngineRig) {
    const subscriptions = new Subscriptions();
    const pool = new SnapshotPool(engine);
    const anomalies = new AnomalyLog({
      perSymbolMax: 100,
      symbols: engine.symbols,
      onAnomaly: (symbolId) => this.fanOut.markAnomaly(symbolId),
    });
    this.fanOut = new FanOut(engine, subscriptions, pool, anomalies, this.traffic);
    this.#room = {
      symbols: engine.symbols,
      pool,
      anomalies,
      subscriptions,
      message: new StatsMessage(pool),
      conflation: new ConflationQueue(),
      traffic: this.traffic,
      messageBytesMax: SOCKET_BUFFER_BYTES_MAX / 2,
      subscriptionsMax: 65_536,
      wildcardsMax: 256,
      requestsPerSecond: 1_000_000,
      renewals: undefined,
      security: UNWATCHED,
      conflateMs: 0,
      work: new TurnWork((error) => {
        throw error;
      }),
      sessionClosed: () => undefined,
    };
  }

  /** Adds a session that is subscribed to all of the symbols. */
  addSession(symbols: readonly string[]): void {
    const socket = new CountingSocket();
    const connection = new Connection(socket, 'binary', CLIENT, LIMITS, this.traffic);
    const session = new StreamSession(connection, this.#room);
    session.message(encodeFrame([Op.SUBSCRIBE, 1, symbols, { anomalies: false }], 'binary'));
    this.sockets.push(socket);
  }
}
