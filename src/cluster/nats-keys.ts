import type { KV } from '@nats-io/kv';
import type { Bus, KeyValues, Value } from './bus.ts';

/** What the broker takes as a key, of those without levels. */
const KEY = /^[-/=\w]+$/;

/**
 * The values of a bucket. They are a log with a subject a key, and written as appends to it: the
 * client's own way prepares an error for each write in case it fails, which costs more than the
 * write.
 */
export class NatsKeys implements KeyValues {
  readonly #keys: KV;
  readonly #append: Bus['append'];
  readonly #prefix: string;

  /** @param name of the bucket, which is there */
  constructor(name: string, keys: KV, append: Bus['append']) {
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

  async list(): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for await (const key of await this.#keys.keys()) {
      const entry = await this.get(key);
      if (entry !== undefined) found.set(key, entry.value);
    }
    return found;
  }

  #subject(key: string): string {
    if (!KEY.test(key)) throw new RangeError(`not a key: ${key}`);
    return this.#prefix + key;
  }
}
