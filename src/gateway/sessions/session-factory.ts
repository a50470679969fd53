import { randomBytes } from 'node:crypto';
import {
  ANONYMOUS,
  type Authenticator,
  type Identity,
  UNAUTHENTICATED,
} from '../../access/index.ts';
import type { Config } from '../../config/schema.ts';
import {
  CloseCode,
  type Encoding,
  ErrorCode,
  type Limits,
  PROTOCOL_VERSION,
  ProtocolError,
  type WelcomeInfo,
  welcomeFrame,
} from '../../protocol/index.ts';
import { type PublishRoom, PublishSession } from '../ingest/publish-session.ts';
import { AddressRates } from '../limits/address-rates.ts';
import { ConnectionCounts } from '../limits/connection-counts.ts';
import type { Socket, SocketHandler } from '../transport/transport.ts';
import { AuthHandshake } from './auth-handshake.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import type { SecurityEvents } from './security-events.ts';
import type { Sessions } from './session-registry.ts';
import { type StreamRoom, StreamSession } from './stream-session.ts';
import type { Entrance, Refusal } from './upgrades.ts';

/** What lets clients in. */
export interface ReceptionOptions {
  readonly config: Config;
  readonly sessions: Sessions;
  readonly publishRoom: PublishRoom;
  readonly streamRoom: StreamRoom;
  /** Undefined: no tokens are demanded. */
  readonly authenticator: Authenticator | undefined;
  readonly security: SecurityEvents;
  /** Told of what cannot be told a client. */
  readonly fault: (error: unknown) => void;
}

/** Makes a session of each socket that is let in, and welcomes it. */
export class SessionFactory implements Entrance {
  /** Names this run of the server: what clients know of another one is void. */
  readonly epoch = randomBytes(6).toString('base64url');
  /** Those whose token is not accepted yet. */
  readonly gates = new Set<AuthHandshake>();
  readonly #options: ReceptionOptions;
  readonly #counts: ConnectionCounts;
  readonly #upgradeRates: AddressRates;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    const { limits } = options.config;
    this.#counts = new ConnectionCounts(limits);
    this.#upgradeRates = new AddressRates(limits.upgradesPerSecond);
  }

  refusal(address: string): Refusal | undefined {
    const { security } = this.#options;
    const isTooFast = !this.#upgradeRates.tryTake(address, performance.now());
    const broken = isTooFast ? 'upgradesPerSecond' : this.#counts.brokenBy(address);
    if (broken === undefined) return undefined;
    security.limited(broken, address);
    if (broken === 'connections') return { status: 503, detail: 'The server is full.' };
    const what = isTooFast ? 'new connections a second' : 'connections';
    return { status: 429, detail: `Your address has as many ${what} as it may have.` };
  }

  publish(
    socket: Socket,
    encoding: Encoding,
    token: string | undefined,
    name: string | undefined,
  ): SocketHandler {
    return this.#receive(socket, encoding, token, (connection) => {
      const { publish } = connection.client.identity;
      if (!publish.isAll && publish.patterns.length === 0)
        return this.#forbid(connection, 'publish');
      return this.#openPublish(connection, name);
    });
  }

  stream(socket: Socket, encoding: Encoding, token: string | undefined): SocketHandler {
    return this.#receive(socket, encoding, token, (connection) => {
      const { read } = connection.client.identity;
      if (!read.isAll && read.patterns.length === 0) return this.#forbid(connection, 'read');
      return this.#openStream(connection);
    });
  }

  #receive(
    socket: Socket,
    encoding: Encoding,
    token: string | undefined,
    open: (connection: Connection) => SocketHandler,
  ): SocketHandler {
    const { authenticator, config, fault, security } = this.#options;
    const connection = this.#connect(socket, encoding, authenticator === undefined);
    if (authenticator === undefined) return open(connection);
    const timeoutMs = config.server.authTimeoutMs;
    const room = { authenticator, security, timeoutMs, fault, gates: this.gates };
    return new AuthHandshake(connection, token, room, (identity) =>
      this.#admit(connection, identity, open),
    );
  }

  #admit(
    connection: Connection,
    identity: Identity,
    open: (connection: Connection) => SocketHandler,
  ): SocketHandler {
    const { tokenId, limits } = identity;
    connection.client = new Client(identity, connection.remoteAddress);
    if (!this.#counts.tryEnterToken(tokenId, limits.connectionsMax)) {
      this.#options.security.limited('connectionsPerToken', connection.client);
      return turnedAway(
        connection,
        CloseCode.TOO_MANY_CONNECTIONS,
        new ProtocolError(ErrorCode.rate_limited, 'the token has as many connections as it may'),
      );
    }
    connection.whenClosed(() => this.#counts.leaveToken(tokenId));
    return open(connection);
  }

  #forbid(connection: Connection, action: string): SocketHandler {
    this.#options.security.forbidden(connection.client, `${action} anything`);
    const error = new ProtocolError(ErrorCode.forbidden, `the token allows to ${action} nothing`);
    return turnedAway(connection, CloseCode.FORBIDDEN, error);
  }

  #openPublish(connection: Connection, name: string | undefined): SocketHandler {
    const { config, publishRoom, sessions } = this.#options;
    const session = sessions.nextName();
    const { nameSpace } = connection.client;
    const isNamed = name !== undefined;
    const told = isNamed ? name : `${session}-${this.epoch}`;
    const publisher = publishRoom.registry.enter(nameSpace.nameOf(told), isNamed);
    const publishSession = new PublishSession(connection, publisher, publishRoom);
    sessions.publishers.add(publishSession);
    connection.send(
      welcomeFrame({
        ...this.#welcome(session),
        publisher: told,
        sequence: publishSession.sequence,
        credit: publishSession.credit,
        overflow: config.processing.overflow,
      }),
    );
    return publishSession;
  }

  #openStream(connection: Connection): SocketHandler {
    const { sessions, streamRoom } = this.#options;
    const session = new StreamSession(connection, streamRoom);
    sessions.subscribers.add(session);
    connection.send(welcomeFrame(this.#welcome(sessions.nextName())));
    return session;
  }

  #connect(socket: Socket, encoding: Encoding, isOpenToAll: boolean): Connection {
    const { config, streamRoom } = this.#options;
    const { badFramesMax } = config.server;
    const { socketBufferBytesMax } = config.stream;
    const address = socket.remoteAddress;
    const client = new Client(isOpenToAll ? ANONYMOUS : UNAUTHENTICATED, address);
    const limits = { badFramesMax, socketBufferBytesMax };
    const connection = new Connection(socket, encoding, client, limits, streamRoom.traffic);
    this.#counts.enter(address);
    connection.whenClosed(() => this.#counts.leave(address));
    return connection;
  }

  #welcome(session: string): WelcomeInfo {
    const { config } = this.#options;
    return {
      version: PROTOCOL_VERSION,
      epoch: this.epoch,
      session,
      serverTime: Date.now(),
      heartbeatMs: config.server.heartbeatMs,
      limits: limitsOf(config),
    };
  }
}

/** Tells a client why it is turned away, and hears of nothing but the end of its socket. */
function turnedAway(connection: Connection, code: CloseCode, error: ProtocolError): SocketHandler {
  connection.refuse(error);
  connection.close(code, error.message);
  const nothing = () => undefined;
  return { message: nothing, drain: nothing, pong: nothing, close: () => connection.closed() };
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
