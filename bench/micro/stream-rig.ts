import { ANONYMOUS } from '../../src/access/index.ts';
import { AnomalyLog } from '../../src/gateway/fanout/anomaly-log.ts';
import { ConflationQueue } from '../../src/gateway/fanout/conflation-queue.ts';
import { FanOut } from '../../src/gateway/fanout/fan-out.ts';
import { StatsMessage } from '../../src/gateway/fanout/stats-message.ts';
import { SymbolVersions } from '../../src/gateway/fanout/symbol-versions.ts';
import { BackgroundTasks } from '../../src/gateway/limits/background-tasks.ts';
import { GatewayCounters } from '../../src/gateway/metrics/gateway-counters.ts';
import { Client } from '../../src/gateway/sessions/client.ts';
import { Connection } from '../../src/gateway/sessions/connection.ts';
import { UNWATCHED } from '../../src/gateway/sessions/security-events.ts';
import { type StreamRoom, StreamSession } from '../../src/gateway/sessions/stream-session.ts';
import { Subscriptions } from '../../src/gateway/subscriptions/subscriptions.ts';
import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { CountingSocket } from './counting-socket.ts';
import type { EngineRig } from './engine-rig.ts';

const SOCKET_BUFFER_BYTES_MAX = 1024 * 1024;
const CLIENT = new Client(ANONYMOUS, '127.0.0.1');
const LIMITS = { badFramesMax: 10, socketBufferBytesMax: SOCKET_BUFFER_BYTES_MAX };

/** The gateway's side of the stream, made as the gateway makes it: real sessions on sockets in memory. */
export class StreamRig {
  readonly fanOut: FanOut;
  readonly traffic = new GatewayCounters();
  readonly sockets: CountingSocket[] = [];
  readonly #room: StreamRoom;

  constructor({ engine }: EngineRig) {
    const subscriptions = new Subscriptions();
    const pool = new SymbolVersions(engine);
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
      work: new BackgroundTasks((error) => {
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
