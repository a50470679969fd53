import { JetStreamApiError, type StreamAPI } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { Bus, KeyValues, Value } from './bus.ts';

/** What the broker takes as a key, of those without levels. */
const KEY = /^[-/=\w]+$/;
/** What a server says where nothing is under a filter. */
export const NO_MESSAGE = 10037;

/**
 * The values of a bucket. They are a log with a subject a key, and written as appends to it: the
 * client's own way prepares an error for each write in case it fails, which costs more than the
 * write.
 */
export class NatsKeys implements KeyValues {
  readonly #keys: KV;
  readonly #append: Bus['append'];
  readonly #prefix: string;
  readonly #log: string;
  readonly #streams: StreamAPI;

  /** @param name of the bucket, which is there */
  constructor(name: string, keys: KV, streams: StreamAPI, append: Bus['append']) {
    this.#streams = streams;
    this.#log = `KV_${name}`;
    this.#keys = keys;
    this.#append = append;
    this.#prefix = `$KV.${name}.`;
  }

  async get(key: string): Promise<Value | undefined> {
    const entry = await this.#keys.get(key);
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { value: entry.value, revision: entry.revision };
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    return this.#append({ subject: this.#subject(key), payload: value });
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number> {
    const subject = this.#subject(key);
    return this.#append({ subject, payload: value }, { filter: subject, sequence: revision });
  }

  async delete(key: string): Promise<void> {
    await this.#keys.delete(key);
  }

  /**
   * Asks the leader of the bucket, as a follower may be behind. The client's own way makes a
   * consumer each time, which stays for minutes: brokers soon refuse more of them.
   */
  async list(): Promise<ReadonlyMap<string, Uint8Array>> {
    const filter = `${this.#prefix}>`;
    const { state } = await this.#streams.info(this.#log, { subjects_filter: filter });
    const subjects = Object.keys(state.subjects ?? {});
    const values = await Promise.all(subjects.map((subject) => this.#stored(subject)));
    const found = new Map<string, Uint8Array>();
    for (const [i, subject] of subjects.entries()) {
      const value = values[i];
      if (value !== undefined) found.set(subject.slice(this.#prefix.length), value);
    }
    return found;
  }

  /** The value under a subject, unless it was deleted or has ended. */
  async #stored(subject: string): Promise<Uint8Array | undefined> {
    try {
      const message = await this.#streams.getMessage(this.#log, { last_by_subj: subject });
      return message === null || message.header.has('KV-Operation') ? undefined : message.data;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return undefined;
      throw error;
    }
  }

  #subject(key: string): string {
    if (!KEY.test(key)) throw new RangeError(`not a key: ${key}`);
    return this.#prefix + key;
  }
}
