/*
 * What the cluster needs of a message broker. `nats-bus.ts` and its like are the one of
 * production; tests of logic have one in memory with faults.
 */

/** A message for a log. */
export interface Message {
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** A message of a log. */
export interface StoredMessage extends Message {
  /** Of the log: from 1, rising, with gaps. */
  readonly sequence: number;
}

/** A message as it is read. */
export interface ReadMessage extends StoredMessage {
  /** Messages under the filters that followed when it was sent for reading. */
  readonly followed: number;
  /** When the broker stored it, ms since the epoch: the same whenever it is read. */
  readonly storedAt: number;
  /**
   * The value of one of its headers; undefined: it has none of that name.
   *
   * @throws Error if they cannot be read: anybody may have written it
   */
  header(name: string): string | undefined;
}

/** The last message under `filter` is the one of this sequence; 0: there is none. */
export interface Expectation {
  readonly filter: string;
  readonly sequence: number;
}

/** A log: messages in order, kept on disk by several servers. */
export interface LogOptions {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Newest messages kept of each subject; 0: all. */
  readonly perSubjectMax: number;
  /** Messages are removed at this age, ms; 0: never. */
  readonly ageMaxMs: number;
}

/** Reads a log until it is stopped. */
export interface Reading {
  stop(): void;
}

/** Takes messages one after the other: the next comes once it has resolved. */
export type LogHandler = (message: ReadMessage) => void | Promise<void>;

/** Takes a message without a log. `reply` answers a request; undefined: none was asked for. */
export type MessageHandler = (
  payload: Uint8Array,
  subject: string,
  reply: ((payload: Uint8Array) => void) | undefined,
) => void;

export interface Value {
  readonly value: Uint8Array;
  readonly revision: number;
}

/** Values by key. */
export interface KeyValues {
  get(key: string): Promise<Value | undefined>;
  /** Resolves with the revision. */
  put(key: string, value: Uint8Array): Promise<number>;
  /**
   * The same, if the key is at that revision; 0: if it has no value.
   *
   * @throws Error if not, or if it is unknown whether it was stored
   */
  update(key: string, value: Uint8Array, revision: number): Promise<number>;
  delete(key: string): Promise<void>;
  /** All keys with their values. */
  list(): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** A connection to the broker. Promises reject when it does not answer in time. */
export interface Bus {
  readonly isConnected: boolean;
  /** Most bytes of a message. */
  readonly messageBytesMax: number;

  /** Sends to whoever listens now; may be lost. */
  publish(subject: string, payload: Uint8Array): void;
  /** Returns what ends it. */
  subscribe(subject: string, handler: MessageHandler): () => void;
  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;

  /** Makes sure that a log exists, and has the subjects. */
  openLog(options: LogOptions): Promise<void>;
  /**
   * Appends a message. Resolves with its sequence once it is stored. A rejection does not mean that
   * it was not: it may be, or may still become so.
   */
  append(message: Message, expected?: Expectation): Promise<number>;
  /** Appends several, all or none. Resolves with the sequence of the last. */
  appendAll(messages: readonly Message[], expected?: Expectation): Promise<number>;
  /** The newest message under a filter. */
  last(log: string, filter: string): Promise<StoredMessage | undefined>;
  /** Passes on the messages under filters from a sequence on, in order, each once. */
  read(log: string, filters: readonly string[], from: number, handler: LogHandler): Reading;

  /** @param ttlMs values end after it; 0: never */
  openKeys(name: string, ttlMs: number): Promise<KeyValues>;
  close(): Promise<void>;
}
