import type { GatewayLog } from '../gateway/index.ts';
import type { KeyValues, Value } from './bus.ts';
import type { RulesEntry } from './log-entries.ts';

const KEY = 'rules';
/** Interval of looks for newer rules, ms. */
const LOOK_MS = 1000;
/** Others may put rules at the same time. */
const TRIES = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The rule file of a cluster: the one that a member was started with, or reloaded, last. Owners
 * write it into the logs of their shards, where it takes effect.
 */
export class ClusterRules {
  /** Called with newer rules. */
  onChange: (rules: RulesEntry) => void = () => undefined;
  readonly #keys: KeyValues;
  readonly #log: GatewayLog;
  #current: RulesEntry | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(keys: KeyValues, log: GatewayLog) {
    this.#keys = keys;
    this.#log = log;
  }

  /** @throws Error if the broker does not answer */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#lookAgain(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Puts a valid rule file into force in the whole cluster.
   *
   * @returns false if it is in force already
   * @throws Error if the broker does not store it
   */
  async put(text: string): Promise<boolean> {
    let fault: unknown;
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await this.#look();
      if (this.#current?.text === text) return tries > 0;
      const number = (this.#current?.number ?? 0) + 1;
      const rules: RulesEntry = { number, text, since: Date.now() };
      try {
        const value = encoder.encode(JSON.stringify(rules));
        await this.#keys.update(KEY, value, found?.revision ?? 0);
        this.#take(rules);
        return true;
      } catch (error) {
        // It may be stored, or another member's: look.
        fault = error;
      }
    }
    throw fault;
  }

  async #look(): Promise<Value | undefined> {
    const found = await this.#keys.get(KEY);
    if (found !== undefined) this.#take(JSON.parse(decoder.decode(found.value)) as RulesEntry);
    return found;
  }

  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    // Without a broker, the next look is soon.
    await this.#look().catch(() => undefined);
    this.#isLooking = false;
  }

  #take(rules: RulesEntry): void {
    if (rules.number <= (this.#current?.number ?? 0)) return;
    this.#current = rules;
    this.onChange(rules);
    this.#log.info({ number: rules.number }, 'the cluster has other rules');
  }
}
