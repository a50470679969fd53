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
  Value,
} from '../../src/cluster/bus.ts';
import type { Random } from '../../testkit/random.ts';
import { delay } from '../../testkit/until.ts';

/** Probabilities of what goes wrong with each call, 0 to 1. */
export interface BusFaults {
  /** An append is not stored, and fails. */
  readonly lost?: number;
  /** It is stored, and fails all the same. */
  readonly unanswered?: number;
  /** It fails, and is stored later. */
  readonly belated?: number;
  /** A message without a log is not delivered. */
  readonly dropped?: number;
  /** Longest delay of an answer or a message, ms. */
  readonly delayMs?: number;
}

/** A message as programs of others may write it. */
interface HeadedMessage extends Message {
  readonly headers?: Readonly<Record<string, string>>;
}

interface SimulatedMessage extends StoredMessage, HeadedMessage {
  readonly storedAt: number;
}

interface Log {
  readonly options: LogOptions;
  messages: SimulatedMessage[];
  sequence: number;
  readonly readers: Set<() => void>;
}

interface Subscription {
  readonly bus: SimulatedBus;
  readonly filter: string;
  readonly handler: MessageHandler;
}

/** Whether a subject is under a filter: `*` is any token, `>` at its end the rest. */
function matches(filter: string, subject: string): boolean {
  const tokens = subject.split('.');
  const wanted = filter.split('.');
  return (
    wanted.every((token, i) => {
      if (token === '>') return tokens.length > i;
      return token === '*' ? tokens[i] !== undefined : token === tokens[i];
    }) &&
    (wanted.at(-1) === '>' || wanted.length === tokens.length)
  );
}

/** A broker in memory, whose faults follow from a seed. */
export class SimulatedBroker {
  readonly logs = new Map<string, Log>();
  readonly keys = new Map<string, Map<string, Value & { readonly endsAt: number }>>();
  readonly subscriptions = new Set<Subscription>();
  faults: BusFaults;
  readonly random: Random;
  #revision = 0;

  constructor(random: Random, faults: BusFaults = {}) {
    this.random = random;
    this.faults = faults;
  }

  connect(): SimulatedBus {
    return new SimulatedBus(this);
  }

  logOf(subject: string): Log {
    for (const log of this.logs.values()) {
      if (log.options.subjects.some((filter) => matches(filter, subject))) return log;
    }
    throw new Error(`no log has ${subject}`);
  }

  /** The newest message under a filter. */
  last(log: Log, filter: string): StoredMessage | undefined {
    return log.messages.findLast(({ subject }) => matches(filter, subject));
  }

  /** Who listens hears messages for logs as well, stored or refused. */
  hear(subject: string, payload: Uint8Array): void {
    const copy = payload.slice();
    setImmediate(() => {
      for (const { bus, filter, handler } of this.subscriptions) {
        if (bus.isConnected && matches(filter, subject)) handler(copy, subject, undefined);
      }
    });
  }

  /** @throws Error if the expectation is not met */
  store(messages: readonly HeadedMessage[], expected?: Expectation): number {
    for (const { subject, payload } of messages) this.hear(subject, payload);
    const log = this.logOf((messages[0] as Message).subject);
    if (expected !== undefined) {
      const last = this.last(log, expected.filter)?.sequence ?? 0;
      if (last !== expected.sequence) throw new Error(`wrong last sequence: ${last}`);
    }
    for (const { subject, payload, headers = {} } of messages) {
      const storedAt = Date.now();
      const sequence = ++log.sequence;
      log.messages.push({ subject, payload: payload.slice(), sequence, storedAt, headers });
      const { perSubjectMax } = log.options;
      if (perSubjectMax === 0) continue;
      const own = log.messages.filter((message) => message.subject === subject);
      const removed = new Set(own.slice(0, Math.max(0, own.length - perSubjectMax)));
      log.messages = log.messages.filter((message) => !removed.has(message));
    }
    for (const wake of log.readers) wake();
    return log.sequence;
  }

  nextRevision(): number {
    return ++this.#revision;
  }

  async pause(): Promise<void> {
    const { delayMs = 0 } = this.faults;
    if (delayMs > 0) await delay(this.random.below(delayMs + 1));
    else await Promise.resolve();
  }
}

/** A connection to it. */
export class SimulatedBus implements Bus {
  isConnected = true;
  readonly messageBytesMax = 1_048_576;
  readonly #broker: SimulatedBroker;
  #order: Promise<unknown> = Promise.resolve();

  constructor(broker: SimulatedBroker) {
    this.#broker = broker;
  }

  publish(subject: string, payload: Uint8Array): void {
    const { dropped = 0 } = this.#broker.faults;
    if (!this.isConnected || this.#broker.random.chance(dropped)) return;
    this.#broker.hear(subject, payload);
  }

  subscribe(subject: string, handler: MessageHandler): () => void {
    const subscription = { bus: this, filter: subject, handler };
    this.#broker.subscriptions.add(subscription);
    return () => this.#broker.subscriptions.delete(subscription);
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), timeoutMs);
      const answer = (reply: Uint8Array) => {
        clearTimeout(timer);
        resolve(reply.slice());
      };
      let hasListener = false;
      for (const { bus, filter, handler } of this.#broker.subscriptions) {
        if (!bus.isConnected || !matches(filter, subject)) continue;
        hasListener = true;
        setImmediate(() => handler(payload, subject, answer));
      }
      if (hasListener) return;
      clearTimeout(timer);
      reject(new Error('nobody listens'));
    });
  }

  async openLog(options: LogOptions): Promise<void> {
    if (this.#broker.logs.has(options.name)) return;
    this.#broker.logs.set(options.name, {
      options,
      messages: [],
      sequence: 0,
      readers: new Set(),
    });
  }

  append(message: Message, expected?: Expectation): Promise<number> {
    return this.appendAll([message], expected);
  }

  /** Appends of a connection are stored in their order. */
  appendAll(messages: readonly Message[], expected?: Expectation): Promise<number> {
    const stored = this.#order.then(() => this.#append(messages, expected));
    this.#order = stored.catch(() => undefined);
    return stored.then(async (sequence) => {
      await this.#broker.pause();
      return sequence;
    });
  }

  async #append(messages: readonly Message[], expected?: Expectation): Promise<number> {
    const { belated = 0, lost = 0, unanswered = 0 } = this.#broker.faults;
    const { random } = this.#broker;
    if (!this.isConnected) throw new Error('not connected');
    if (random.chance(lost)) throw new Error('lost');
    if (random.chance(belated)) {
      setTimeout(() => {
        try {
          this.#broker.store(messages, expected);
        } catch {
          // Refused later.
        }
      }, random.below(60));
      throw new Error('not answered, and stored later');
    }
    const sequence = this.#broker.store(messages, expected);
    if (random.chance(unanswered)) throw new Error('stored, and not answered');
    return sequence;
  }

  async last(log: string, filter: string): Promise<StoredMessage | undefined> {
    await this.#broker.pause();
    if (!this.isConnected) throw new Error('not connected');
    return this.#broker.last(this.#broker.logs.get(log) as Log, filter);
  }

  read(log: string, filters: readonly string[], from: number, handler: LogHandler): Reading {
    const source = this.#broker.logs.get(log) as Log;
    let next = from;
    const state = { isStopped: false };
    let isRunning = false;
    const isRead = ({ sequence, subject }: StoredMessage) =>
      sequence >= next && filters.some((filter) => matches(filter, subject));
    const run = async () => {
      if (isRunning) return;
      isRunning = true;
      for (;;) {
        if (state.isStopped) return;
        const message = source.messages.find(isRead);
        if (message === undefined) break;
        await this.#broker.pause();
        while (!this.isConnected && !state.isStopped) await delay(5);
        if (state.isStopped) return;
        next = message.sequence + 1;
        const followed = source.messages.filter(isRead).length;
        await handler({ ...message, followed, header: (name) => message.headers?.[name] });
      }
      isRunning = false;
    };
    const wake = () => void run();
    source.readers.add(wake);
    wake();
    return {
      stop: () => {
        state.isStopped = true;
        source.readers.delete(wake);
      },
    };
  }

  async openKeys(name: string, ttlMs: number): Promise<KeyValues> {
    const known = this.#broker.keys.get(name);
    const values = known ?? new Map<string, Value & { readonly endsAt: number }>();
    this.#broker.keys.set(name, values);
    return new SimulatedKeys(this.#broker, this, values, ttlMs);
  }

  async close(): Promise<void> {
    this.isConnected = false;
  }
}

class SimulatedKeys implements KeyValues {
  readonly #broker: SimulatedBroker;
  readonly #bus: SimulatedBus;
  readonly #values: Map<string, Value & { readonly endsAt: number }>;
  readonly #ttlMs: number;

  constructor(
    broker: SimulatedBroker,
    bus: SimulatedBus,
    values: Map<string, Value & { readonly endsAt: number }>,
    ttlMs: number,
  ) {
    this.#broker = broker;
    this.#bus = bus;
    this.#values = values;
    this.#ttlMs = ttlMs;
  }

  async get(key: string): Promise<Value | undefined> {
    await this.#pause();
    return this.#live(key);
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    await this.#pause();
    return this.#set(key, value);
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number> {
    await this.#pause();
    if ((this.#live(key)?.revision ?? 0) !== revision) throw new Error('another revision');
    const stored = this.#set(key, value);
    const { unanswered = 0 } = this.#broker.faults;
    if (this.#broker.random.chance(unanswered)) throw new Error('stored, and not answered');
    return stored;
  }

  async delete(key: string): Promise<void> {
    await this.#pause();
    this.#values.delete(key);
  }

  async list(): Promise<ReadonlyMap<string, Uint8Array>> {
    await this.#pause();
    const live = [...this.#values.keys()].flatMap((key) => {
      const found = this.#live(key);
      return found === undefined ? [] : [[key, found.value] as const];
    });
    return new Map(live);
  }

  async #pause(): Promise<void> {
    await this.#broker.pause();
    if (!this.#bus.isConnected) throw new Error('not connected');
  }

  #live(key: string): Value | undefined {
    const found = this.#values.get(key);
    return found === undefined || found.endsAt < performance.now() ? undefined : found;
  }

  #set(key: string, value: Uint8Array): number {
    const endsAt = this.#ttlMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + this.#ttlMs;
    const revision = this.#broker.nextRevision();
    this.#values.set(key, { value: value.slice(), revision, endsAt });
    return revision;
  }
}
