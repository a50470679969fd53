import { ANONYMOUS, type Identity, UNAUTHENTICATED } from '../../access/index.ts';
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
import type { GatewayContext } from '../context.ts';
import type { EventFormat } from '../fanout/event-format.ts';
import { type PublishContext, PublishSession } from '../ingest/publish-session.ts';
import type { ClaimPublisher, PublisherClaim } from '../ingest/publisher-registry.ts';
import { AddressRates } from '../limits/address-rates.ts';
import { ConnectionCounts } from '../limits/connection-counts.ts';
import type { Socket, SocketHandler } from '../transport/transport.ts';
import { AuthHandshake, type HandshakeContext } from './auth-handshake.ts';
import { ClaimingHandler } from './claiming-handler.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import { type EventRequest, EventSession } from './event-session.ts';
import { type StreamContext, StreamSession } from './stream-session.ts';
import type { Refusal, SessionOpener } from './upgrades.ts';

export type SessionFactoryContext = PublishContext &
  StreamContext &
  HandshakeContext &
  Pick<GatewayContext, 'authenticator' | 'cluster' | 'epoch'>;

/** Opens a session for each accepted socket and welcomes it. */
export class SessionFactory implements SessionOpener {
  readonly #context: SessionFactoryContext;
  readonly #counts: ConnectionCounts;
  readonly #upgradeRates: AddressRates;

  constructor(context: SessionFactoryContext) {
    this.#context = context;
    const { limits } = context.config;
    this.#counts = new ConnectionCounts(limits);
    this.#upgradeRates = new AddressRates(limits.upgradesPerSecond);
  }

  refusal(address: string): Refusal | undefined {
    const { config, security } = this.#context;
    if (config.cluster.role === 'owner') {
      return { status: 503, detail: 'This member of a cluster takes no clients (cluster.role).' };
    }
    const isTooFast = !this.#upgradeRates.tryTake(address, performance.now());
    const broken = isTooFast ? 'upgradesPerSecond' : this.#counts.exceededBy(address);
    if (broken === undefined) return undefined;
    security.limited(broken, address);
    if (broken === 'connections') return { status: 503, detail: 'The server is full.' };
    const what = isTooFast ? 'rate of new connections' : 'number of connections';
    return { status: 429, detail: `Your address has reached its ${what}.` };
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
      return name === undefined || this.#context.cluster === undefined
        ? this.#openPublish(connection, name)
        : this.#claim(connection, name, this.#context.cluster.claim);
    });
  }

  stream(socket: Socket, encoding: Encoding, token: string | undefined): SocketHandler {
    return this.#receive(socket, encoding, token, (connection) => {
      const { read } = connection.client.identity;
      if (!read.isAll && read.patterns.length === 0) return this.#forbid(connection, 'read');
      return this.#openStream(connection);
    });
  }

  /** A session on an HTTP answer, whose client is known. */
  events(socket: Socket, identity: Identity, request: EventRequest): SocketHandler {
    const connection = this.#connect(socket, 'json', true, request.format);
    return this.#admit(connection, identity, () => {
      const session = this.#openStream(connection);
      return new EventSession(session, this.#context, request);
    });
  }

  #receive(
    socket: Socket,
    encoding: Encoding,
    token: string | undefined,
    open: (connection: Connection) => SocketHandler,
  ): SocketHandler {
    const { authenticator } = this.#context;
    const connection = this.#connect(socket, encoding, authenticator === undefined);
    if (authenticator === undefined) return open(connection);
    return new AuthHandshake(connection, token, this.#context, authenticator, (identity) =>
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
      this.#context.security.limited('connectionsPerToken', connection.client);
      return refuseClient(
        connection,
        CloseCode.TOO_MANY_CONNECTIONS,
        new ProtocolError(ErrorCode.rate_limited, 'connection limit of the token reached'),
      );
    }
    connection.whenClosed(() => this.#counts.leaveToken(tokenId));
    return open(connection);
  }

  #forbid(connection: Connection, action: string): SocketHandler {
    this.#context.security.forbidden(connection.client, `${action} anything`);
    const error = new ProtocolError(ErrorCode.forbidden, `the token grants no right to ${action}`);
    return refuseClient(connection, CloseCode.FORBIDDEN, error);
  }

  /** The name may be in use at another server of the cluster. */
  #claim(connection: Connection, name: string, claim: ClaimPublisher): SocketHandler {
    const { handshakes } = this.#context.sessions;
    const handler = new ClaimingHandler(
      connection,
      claim(connection.client.nameSpace.nameOf(name)),
      (claimed) => this.#openPublish(connection, name, claimed),
      (left) => handshakes.delete(left),
    );
    handshakes.add(handler);
    return handler;
  }

  #openPublish(
    connection: Connection,
    name: string | undefined,
    claim?: PublisherClaim,
  ): SocketHandler {
    const { config, epoch, publishers, sessions } = this.#context;
    const session = sessions.nextName();
    const { nameSpace } = connection.client;
    const isNamed = name !== undefined;
    const publisherName = isNamed ? name : `${session}-${epoch}`;
    const publisher = publishers.enter(nameSpace.nameOf(publisherName), isNamed, claim);
    const publishSession = new PublishSession(connection, publisher, this.#context);
    sessions.publishers.add(publishSession);
    connection.send(
      welcomeFrame({
        ...this.#welcome(session),
        publisher: publisherName,
        sequence: publishSession.sequence,
        credit: publishSession.credit,
        overflow: config.processing.overflow,
      }),
    );
    return publishSession;
  }

  #openStream(connection: Connection): StreamSession {
    const { sessions } = this.#context;
    const session = new StreamSession(connection, this.#context);
    sessions.subscribers.add(session);
    connection.send(welcomeFrame(this.#welcome(sessions.nextName())));
    return session;
  }

  #connect(
    socket: Socket,
    encoding: Encoding,
    isOpenToAll: boolean,
    events?: EventFormat,
  ): Connection {
    const { config, counters } = this.#context;
    const { badFramesMax } = config.server;
    const { socketBufferBytesMax } = config.stream;
    const address = socket.remoteAddress;
    const client = new Client(isOpenToAll ? ANONYMOUS : UNAUTHENTICATED, address);
    const limits = { badFramesMax, socketBufferBytesMax };
    const connection = new Connection(socket, encoding, client, limits, counters, events);
    this.#counts.enter(address);
    connection.whenClosed(() => this.#counts.leave(address));
    return connection;
  }

  #welcome(session: string): WelcomeInfo {
    const { config, epoch } = this.#context;
    return {
      version: PROTOCOL_VERSION,
      epoch,
      session,
      serverTime: Date.now(),
      heartbeatMs: config.server.heartbeatMs,
      limits: limitsOf(config),
    };
  }
}

/** Refuses a client, and ignores everything on its socket until it closes. */
function refuseClient(
  connection: Connection,
  code: CloseCode,
  error: ProtocolError,
): SocketHandler {
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
    wildcardsMax: config.limits.wildcardsPerSession,
    authTimeoutMs: config.server.authTimeoutMs,
  };
}
