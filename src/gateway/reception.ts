import { randomBytes } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import {
  type Encoding,
  type Limits,
  PROTOCOL_VERSION,
  type WelcomeInfo,
  welcomeFrame,
} from '../protocol/index.ts';
import { Connection } from './connection.ts';
import { type PublishRoom, PublishSession } from './publish-session.ts';
import type { Sessions } from './sessions.ts';
import { type StreamRoom, StreamSession } from './stream-session.ts';
import type { Socket, SocketHandler } from './transport/transport.ts';
import type { SessionOpener } from './upgrades.ts';

/** Makes a session of each socket that is let in, and welcomes it. */
export class Reception implements SessionOpener {
  readonly #config: Config;
  /** Names this run of the server: what clients know of another one is void. */
  readonly epoch = randomBytes(6).toString('base64url');
  readonly #sessions: Sessions;
  readonly #publishRoom: PublishRoom;
  readonly #streamRoom: StreamRoom;

  constructor(
    config: Config,
    sessions: Sessions,
    publishRoom: PublishRoom,
    streamRoom: StreamRoom,
  ) {
    this.#config = config;
    this.#sessions = sessions;
    this.#publishRoom = publishRoom;
    this.#streamRoom = streamRoom;
  }

  publish(socket: Socket, encoding: Encoding, name: string | undefined): SocketHandler {
    const session = this.#sessions.nextName();
    const isNamed = name !== undefined;
    const publisher = this.#publishRoom.registry.enter(
      isNamed ? name : `${session}-${this.epoch}`,
      isNamed,
    );
    const connection = this.#connect(socket, encoding);
    const publishSession = new PublishSession(connection, publisher, this.#publishRoom);
    this.#sessions.publishers.add(publishSession);
    connection.send(
      welcomeFrame({
        ...this.#welcome(session),
        publisher: publisher.name,
        sequence: publishSession.sequence,
        credit: publishSession.credit,
        overflow: this.#config.processing.overflow,
      }),
    );
    return publishSession;
  }

  stream(socket: Socket, encoding: Encoding): SocketHandler {
    const connection = this.#connect(socket, encoding);
    const session = new StreamSession(connection, this.#streamRoom);
    this.#sessions.subscribers.add(session);
    connection.send(welcomeFrame(this.#welcome(this.#sessions.nextName())));
    return session;
  }

  #connect(socket: Socket, encoding: Encoding): Connection {
    const { badFramesMax } = this.#config.server;
    const { socketBufferBytesMax } = this.#config.stream;
    const limits = { badFramesMax, socketBufferBytesMax };
    return new Connection(socket, encoding, limits, this.#streamRoom.traffic);
  }

  #welcome(session: string): WelcomeInfo {
    return {
      version: PROTOCOL_VERSION,
      epoch: this.epoch,
      session,
      serverTime: Date.now(),
      heartbeatMs: this.#config.server.heartbeatMs,
      limits: limitsOf(this.#config),
    };
  }
}

function limitsOf(config: Config): Limits {
  return {
    frameBytesMax: config.server.frameBytesMax,
    ticksPerFrameMax: config.publish.ticksPerFrameMax,
    symbolsMax: config.processing.maxSymbols,
    subscriptionsMax: config.stream.subscriptionsMax,
    authTimeoutMs: config.server.authTimeoutMs,
  };
}
