import { readFileSync } from 'node:fs';
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { Config } from '../config/schema.ts';
import type { GatewayLog } from '../gateway/index.ts';
import type {
  Bus,
  Expectation,
  KeyValues,
  LogHandler,
  LogOptions,
  Message,
  MessageHandler,
  Reading,
  StoredMessage,
} from './bus.ts';
import { NatsAppends } from './nats-appends.ts';
import { NatsKeys } from './nats-keys.ts';
import { NatsReading } from './nats-reading.ts';
import { onceElected } from './start-retry.ts';

/** The oldest server with atomic batches (2.12), and what it takes to know which keys ended. */
const VERSION_MIN = [2, 12] as const;
/** Time for the broker to answer, ms. Elections take several seconds. */
const API_MS = 5000;
/** In a ms. */
const NANOS = 1_000_000;

/** What a server says where nothing is under a filter. */
const NO_MESSAGE = 10037;

/**
 * What a group of servers answers while too few have joined it, or none leads: no suitable peers,
 * not available, not the leader, insufficient resources.
 */
const NOT_YET: ReadonlySet<number> = new Set([10005, 10008, 10009, 10023]);

/** A key that is never there. */
const PROBE = 'probe';

/** No answer, and "JetStream is not enabled", may also come from servers that elect a leader. */
function isLasting(error: unknown): boolean {
  return error instanceof JetStreamApiError && !NOT_YET.has(error.code);
}

/**
 * Connects to NATS.
 *
 * @throws Error that names the configuration if there is no server, or none that will do
 */
export async function connectToNats({ cluster }: Config, log: GatewayLog): Promise<Bus> {
  const { credentialsFile, servers, tlsCaFile } = cluster;
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers: servers.split(','),
      name: `tickwire ${cluster.name} ${cluster.role}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 5000,
      maxPingOut: 2,
      ...(tlsCaFile === '' ? {} : { tls: { caFile: tlsCaFile } }),
      ...(credentialsFile === ''
        ? {}
        : { authenticator: credsAuthenticator(readFileSync(credentialsFile)) }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cluster.servers: no connection to ${servers}: ${reason}`);
  }
  try {
    checkServer(connection, servers);
    const manager = await onceElected(
      () => jetstreamManager(connection, { timeout: API_MS }),
      isLasting,
      log,
    );
    return new NatsBus(connection, manager, cluster.replicas, log);
  } catch (error) {
    await connection.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cluster.servers: ${servers} cannot keep logs (JetStream): ${reason}`);
  }
}

function checkServer({ info }: NatsConnection, servers: string): void {
  const [major = 0, minor = 0] = (info?.version ?? '').split('.').map(Number);
  if (major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1])) return;
  throw new Error(`${servers} is nats-server ${info?.version}, expected 2.12 or newer`);
}

/** NATS with JetStream as the cluster's bus. */
class NatsBus implements Bus {
  readonly messageBytesMax: number;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #replicas: number;
  readonly #log: GatewayLog;
  readonly #appends: NatsAppends;
  #isClosed = false;

  constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    replicas: number,
    log: GatewayLog,
  ) {
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: API_MS });
    this.#replicas = replicas;
    this.#log = log;
    this.messageBytesMax = connection.info?.max_payload ?? 1_048_576;
    this.#appends = new NatsAppends(connection);
    void this.#followStatus();
  }

  get isConnected(): boolean {
    return this.#appends.isConnected;
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.#isClosed) this.#connection.publish(subject, payload);
  }

  subscribe(subject: string, handler: MessageHandler): () => void {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const { data, reply, subject: of } = message;
        handler(data, of, reply ? (payload) => message.respond(payload) : undefined);
      },
    });
    return () => {
      if (!this.#isClosed) subscription.unsubscribe();
    };
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { data } = await this.#connection.request(subject, payload, { timeout: timeoutMs });
    return data;
  }

  async openLog({ name, subjects, perSubjectMax, ageMaxMs }: LogOptions): Promise<void> {
    const config = {
      name,
      subjects: [...subjects],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      num_replicas: this.#replicas,
      max_msgs_per_subject: perSubjectMax === 0 ? -1 : perSubjectMax,
      max_age: ageMaxMs * NANOS,
      duplicate_window: 0,
      allow_direct: true,
      allow_atomic: true,
    };
    const { streams } = this.#manager;
    // Another process may make it at the same time, which is no fault if it is the same.
    const open = () => streams.info(name).catch(() => streams.add(config));
    const { config: found } = await onceElected(open, isLasting, this.#log);
    const all = [...new Set([...found.subjects, ...subjects])];
    if (all.length === found.subjects.length) return;
    // An older version made it.
    const widen = () => streams.update(name, { subjects: all });
    await onceElected(widen, isLasting, this.#log);
  }

  append(message: Message, expected?: Expectation): Promise<number> {
    return this.#appends.append(message, expected);
  }

  appendAll(messages: readonly Message[], expected?: Expectation): Promise<number> {
    return this.#appends.appendAll(messages, expected);
  }

  async last(log: string, filter: string): Promise<StoredMessage | undefined> {
    // Asked of the log's leader: a follower may not have the last one yet.
    const found = await this.#manager.streams
      .getMessage(log, { last_by_subj: filter })
      .catch((error: unknown) => {
        if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return null;
        throw error;
      });
    if (found === null) return undefined;
    return { subject: found.subject, sequence: found.seq, payload: found.data };
  }

  read(log: string, filters: readonly string[], from: number, handler: LogHandler): Reading {
    const reading = new NatsReading(this.#client, log, filters, from, handler, this.#log);
    void reading.run();
    return reading;
  }

  async openKeys(name: string, ttlMs: number): Promise<KeyValues> {
    const keys = new Kvm(this.#client);
    const options = {
      ...(ttlMs === 0 ? {} : { ttl: ttlMs }),
      replicas: this.#replicas,
      storage: StorageType.File,
      history: 1,
    };
    const open = async () => {
      const opened = await keys.create(name, options);
      // When its leader says that it is made, its copies, which answer this, may not be there yet.
      await opened.get(PROBE);
      return new NatsKeys(name, opened, this.#manager.streams, this);
    };
    return onceElected(open, isLasting, this.#log);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#appends.stop();
    await this.#connection.close();
  }

  async #followStatus(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') {
        this.#appends.disconnected();
        this.#log.warn({}, 'lost the connection to the cluster');
      } else if (type === 'reconnect') {
        this.#appends.reconnected();
        this.#log.info({}, 'connected to the cluster again');
      }
    }
    this.#appends.disconnected();
  }
}
