import type { StreamAPI } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { Bus, KeyValues, Value } from './bus.ts';

/** What the broker takes as a key, of those without levels. */
const KEY = /^[-/=\w]+$/;

/**
 * The values of a bucket. They are a log with a subject a key, and written as appends to it: the
 * client's own way prepares an error for each write in case it fails, which costs more than the
 * write. Read from the log's leader: the client asks any copy, which may be behind.
 */
export class NatsKeys implements KeyValues {
  readonly #keys: KV;
  readonly #bus: Pick<Bus, 'append' | 'last'>;
  readonly #prefix: string;
  readonly #log: string;
  readonly #streams: StreamAPI;

  /** @param name of the bucket, which is there */
  constructor(name: string, keys: KV, streams: StreamAPI, bus: Pick<Bus, 'append' | 'last'>) {
    this.#streams = streams;
    this.#log = `KV_${name}`;
    this.#keys = keys;
    this.#bus = bus;
    this.#prefix = `$KV.${name}.`;
  }

  async get(key: string): Promise<Value | undefined> {
    return this.#value(this.#subject(key));
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    return this.#bus.append({ subject: this.#subject(key), payload: value });
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number> {
    const subject = this.#subject(key);
    return this.#bus.append({ subject, payload: value }, { filter: subject, sequence: revision });
  }

  async delete(key: string): Promise<void> {
    await this.#keys.delete(key);
  }

  /**
   * The client's own way makes a consumer each time, which stays for minutes: brokers soon refuse
   * more of them.
   */
  async list(): Promise<ReadonlyMap<string, Uint8Array>> {
    const filter = `${this.#prefix}>`;
    const { state } = await this.#streams.info(this.#log, { subjects_filter: filter });
    const subjects = Object.keys(state.subjects ?? {});
    const values = await Promise.all(subjects.map((subject) => this.#value(subject)));
    const found = new Map<string, Uint8Array>();
    for (const [i, subject] of subjects.entries()) {
      const value = values[i]?.value;
      if (value !== undefined) found.set(subject.slice(this.#prefix.length), value);
    }
    return found;
  }

  /** The value under a subject, unless it was deleted: the mark of that is empty, no value is. */
  async #value(subject: string): Promise<Value | undefined> {
    const found = await this.#bus.last(this.#log, subject);
    if (found === undefined || found.payload.length === 0) return undefined;
    return { value: found.payload, revision: found.sequence };
  }

  #subject(key: string): string {
    if (!KEY.test(key)) throw new RangeError(`not a key: ${key}`);
    return this.#prefix + key;
  }
}
